//! The document that describes the API, and whether the service does as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::backend::Backend;
use super::http::{Answer, ask};

/// An OpenAPI document.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn new(document: Value) -> Self {
        Self(document)
    }

    /// Every path and method.
    fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let paths = self.0["paths"].as_object().expect("paths").iter();
        paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").iter();
            methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
    }

    fn find(&self, method: &str, path: &str) -> Option<&Value> {
        let path: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
        let fits = |template: &str| {
            let template: Vec<&str> = template.split('/').collect();
            template.len() == path.len() && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
        };
        let mut found = self.operations().filter(|(known, of, _)| of.eq_ignore_ascii_case(method) && fits(known));
        found.next().map(|(_, _, operation)| operation)
    }

    /// Makes sure that an answer is one that the document tells of, and what was asked if the service has taken it.
    pub(crate) fn check(&self, method: &str, path: &str, asked: Option<&str>, answer: &Answer) {
        let described = self.find(method, path).map(|operation| {
            let responses = &operation["responses"];
            (operation, responses.get(answer.status.to_string()).unwrap_or(&responses["default"]))
        });
        let Some((operation, response)) = described else {
            assert!([404, 405].contains(&answer.status), "{method} {path}: {answer:?}");
            return self.fits(&json!({"$ref": "#/components/schemas/Problem"}), &answer.json());
        };
        let content = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        match response["content"].as_object() {
            None => assert_eq!(answer.body, "", "{method} {path}"),
            Some(contents) => {
                let schema = &contents.get(content).unwrap_or_else(|| panic!("{method} {path}: {answer:?}"))["schema"];
                if content.ends_with("json") {
                    self.fits(schema, &answer.json());
                }
            }
        }
        if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema").filter(|_| answer.status < 300) {
            self.fits(schema, &serde_json::from_str(asked.expect("a body")).expect("JSON"));
        }
    }

    fn fits(&self, schema: &Value, value: &Value) {
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        let wrong: Vec<String> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:#?}: {value:#}");
    }
}

#[tokio::test]
async fn every_operation_of_the_document_is_there_and_no_other() {
    let backend = Backend::start().await;
    let address = backend.service.service.address();
    let mut all = Vec::new();
    for (template, method, operation) in backend.document.operations() {
        all.push(format!("{} {template}", method.to_uppercase()));
        let path = template.replace("{cuid}", "courier_1").replace("{id}", "00000000-0000-0000-0000-000000000001");
        let answer = ask(address, &method.to_uppercase(), &path, None, None).await;
        let is_public = operation["security"] == json!([]);
        assert_eq!(answer.status, if is_public { 200 } else { 401 }, "{method} {template}: without a key");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{method} {template}");
        for other in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            if backend.document.find(other, &path).is_none() {
                assert_eq!(ask(address, other, &path, None, None).await.problem().1, "method_not_allowed", "{other} {template}");
            }
        }
    }
    all.sort();
    assert_eq!(
        all,
        [
            "DELETE /v1/blocked/{cuid}",
            "DELETE /v1/push/apns",
            "DELETE /v1/tokens/key",
            "DELETE /v1/users/{cuid}",
            "GET /v1/blocked",
            "GET /v1/blocked/{cuid}",
            "GET /v1/branding",
            "GET /v1/calls",
            "GET /v1/calls.csv",
            "GET /v1/calls/{id}",
            "GET /v1/openapi.json",
            "GET /v1/push/apns",
            "GET /v1/push/devices/{cuid}",
            "GET /v1/push/web",
            "GET /v1/users/{cuid}",
            "POST /v1/calls",
            "POST /v1/calls/{id}/hangup",
            "POST /v1/push/devices/{cuid}/{device}/test",
            "POST /v1/tokens",
            "PUT /v1/blocked/{cuid}",
            "PUT /v1/branding",
            "PUT /v1/push/apns",
        ]
    );
}

#[tokio::test]
async fn the_document_is_whole_and_names_everything_once() {
    let backend = Backend::start().await;
    let document = &backend.document;
    assert_eq!((&document.0["openapi"], &document.0["info"]["version"]), (&json!("3.1.1"), &json!(env!("CARGO_PKG_VERSION"))));
    let ids: BTreeSet<&str> = document.operations().map(|(_, _, operation)| operation["operationId"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), document.operations().count());
    let text = document.0.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().expect("a pointer");
        assert!(document.0.pointer(pointer).is_some(), "{pointer}");
    }
    for (name, schema) in document.0["components"]["schemas"].as_object().expect("schemas") {
        assert!(schema["description"].is_string(), "{name} says what it is");
    }
    for (path, method, operation) in document.operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
        }
    }
}
