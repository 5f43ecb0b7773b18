//! One thing that a backend may ask: how it is routed, and what the document says of it. Both are said in one place, so that they cannot differ.

use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, post, put};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::Shared;

/// A type's schema, where it is wanted.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What may be asked, and how it is answered when nothing is wrong.
pub(super) struct Operation {
    pub(super) path: &'static str,
    /// In lower case, as the document has it.
    pub(super) method: &'static str,
    pub(super) route: MethodRouter<Shared>,
    /// What programs call it that are made from the document.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<SchemaOf>,
    pub(super) status: u16,
    pub(super) content: Content,
    /// Whether an api key has to go along.
    pub(super) needs_key: bool,
    /// Whether it can be asked for one version alone, as `ETag` names it.
    pub(super) if_match: bool,
}

/// A parameter of the query, which may be there, or a header, which has to be.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) is_header: bool,
    pub(super) about: &'static str,
    pub(super) schema: Value,
}

/// What is answered.
pub(super) enum Content {
    Nothing,
    Json(SchemaOf),
    Csv,
    /// The document itself, whose schema is OpenAPI's.
    Document,
}

impl Operation {
    pub(super) fn get<T: 'static>(path: &'static str, id: &'static str, summary: &'static str, ask: impl Handler<T, Shared>) -> Self {
        Self::new("get", path, get(ask), id, summary)
    }

    pub(super) fn put<T: 'static>(path: &'static str, id: &'static str, summary: &'static str, ask: impl Handler<T, Shared>) -> Self {
        Self::new("put", path, put(ask), id, summary)
    }

    pub(super) fn post<T: 'static>(path: &'static str, id: &'static str, summary: &'static str, ask: impl Handler<T, Shared>) -> Self {
        Self::new("post", path, post(ask), id, summary)
    }

    pub(super) fn delete<T: 'static>(path: &'static str, id: &'static str, summary: &'static str, ask: impl Handler<T, Shared>) -> Self {
        Self::new("delete", path, delete(ask), id, summary)
    }

    /// Answered with 204 and nothing more, unless something else is said.
    fn new(method: &'static str, path: &'static str, route: MethodRouter<Shared>, id: &'static str, summary: &'static str) -> Self {
        let (parameters, body) = (Vec::new(), None);
        Self {
            path,
            method,
            route,
            id,
            summary,
            parameters,
            body,
            status: 204,
            content: Content::Nothing,
            needs_key: true,
            if_match: false,
        }
    }

    pub(super) fn with(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Refused with 412 where it is to change a version that is none any more.
    pub(super) fn if_match(self) -> Self {
        Self { if_match: true, ..self }
    }

    pub(super) fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    pub(super) fn gives<T: JsonSchema>(self) -> Self {
        self.answers(Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    /// Answered with what there is from then on.
    pub(super) fn makes<T: JsonSchema>(self) -> Self {
        Self { status: 201, ..self.gives::<T>() }
    }

    /// Answered before it is done.
    pub(super) fn goes_on(self) -> Self {
        Self { status: 202, ..self }
    }

    pub(super) fn answers(self, content: Content) -> Self {
        Self { status: 200, content, ..self }
    }

    pub(super) fn for_everybody(self) -> Self {
        Self { needs_key: false, ..self }
    }
}

impl Parameter {
    pub(super) const fn new(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self { name, is_header: false, about, schema }
    }

    pub(super) const fn header(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self { name, is_header: true, about, schema }
    }

    pub(super) fn moment(name: &'static str, about: &'static str) -> Self {
        Self::new(name, about, json!({"type": "string", "format": "date-time"}))
    }
}
