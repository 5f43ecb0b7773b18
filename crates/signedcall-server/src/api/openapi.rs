//! The API as a document that programs read: OpenAPI 3.1, made from the operations and the types of what is asked and answered.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

use super::operation::{Content, Operation, Parameter};
use super::problem::Problem;

/// Adds the document to some operations, which tells of them all and of itself.
pub(super) fn with_document(mut operations: Vec<Operation>) -> Vec<Operation> {
    operations.push(document_operation(String::new()));
    let document = describe(&operations).to_string();
    operations.pop();
    operations.push(document_operation(document));
    operations
}

fn document_operation(document: String) -> Operation {
    let summary = "Describes this API: the document that you are reading.";
    let give = move || {
        let document = document.clone();
        async move { ([(CONTENT_TYPE, "application/json")], document).into_response() }
    };
    Operation::get("/v1/openapi.json", "getDocument", summary, give).answers(Content::Document).for_everybody()
}

/// The schemas of what is asked and of what is answered differ in what has to be there.
struct Schemas {
    asked: SchemaGenerator,
    answered: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = |contract| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.contract = contract;
            })
        };
        Self { asked: settings(Contract::Deserialize).into_generator(), answered: settings(Contract::Serialize).into_generator() }
    }

    fn finish(mut self) -> Map<String, Value> {
        let mut all = self.asked.take_definitions(true);
        all.extend(self.answered.take_definitions(true));
        all
    }
}

fn describe(operations: &[Operation]) -> Value {
    let mut schemas = Schemas::new();
    let problem = schemas.answered.subschema_for::<Problem>().to_value();
    let mut paths = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe_operation(operation, &mut schemas, &problem);
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Signed Call server API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "By which a company's own backend works with the service. Moments are UTC, in the form of RFC 3339.",
            "license": {"name": "Apache-2.0 OR MIT", "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "description": "An api key of the account, which says for which environment it is."},
            },
            "schemas": schemas.finish(),
        },
    })
}

fn describe_operation(operation: &Operation, schemas: &mut Schemas, problem: &Value) -> Value {
    let mut parameters: Vec<Value> = path_parameters(operation.path).collect();
    parameters.extend(operation.parameters.iter().map(|Parameter { name, is_header, about, schema }| {
        let place = if *is_header { "header" } else { "query" };
        json!({"name": name, "in": place, "required": is_header, "description": about, "schema": schema})
    }));
    if operation.if_match {
        let about = "The `ETag` of what is to be changed: it is not where somebody has changed it since (`changed`). Whatever is there is changed without.";
        parameters.push(json!({"name": "If-Match", "in": "header", "description": about, "schema": {"type": "string"}}));
    }
    let mut answer = json!({"description": operation.summary});
    match &operation.content {
        Content::Nothing if operation.status == 202 => answer["description"] = "It will be done.".into(),
        Content::Nothing => answer["description"] = "It is done.".into(),
        Content::Json(schema) => answer["content"] = json!({"application/json": {"schema": schema(&mut schemas.answered)}}),
        Content::Csv => answer["content"] = json!({"text/csv": {"schema": {"type": "string"}}}),
        Content::Document => answer["content"] = json!({"application/json": {"schema": {"type": "object"}}}),
    }
    let wrong = json!({"description": "Something is wrong.", "content": {"application/problem+json": {"schema": problem}}});
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": {operation.status.to_string(): answer, "default": wrong},
    });
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = operation.body {
        let schema = body(&mut schemas.asked);
        described["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    if !operation.needs_key {
        described["security"] = json!([]);
    }
    described
}

/// What a path names is the same wherever it is named.
fn path_parameters(path: &str) -> impl Iterator<Item = Value> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let (about, schema) = match name {
            "cuid" => {
                ("The user's id.", json!({"type": "string", "minLength": 5, "maxLength": 50, "pattern": "^[A-Za-z0-9][A-Za-z0-9_]*$"}))
            }
            "device" => ("The device's id.", json!({"type": "string", "format": "uuid"})),
            _ => ("The call's id.", json!({"type": "string", "format": "uuid"})),
        };
        json!({"name": name, "in": "path", "required": true, "description": about, "schema": schema})
    })
}
