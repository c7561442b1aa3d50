//! `/api/docs`: the API for people, rendered from the OpenAPI document.

use axum::http::header;
use axum::response::Html;
use maud::{Markup, html};
use serde_json::{Map, Value as Json};

use crate::api::document::document;
use crate::api::operation::Tag;
use crate::api::query::{Named, Query};
use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// An operation as the document tells it.
#[derive(Clone, Copy, Debug)]
struct Told<'a> {
    method: &'a str,
    path: &'a str,
    it: &'a Json,
}

impl<'a> Told<'a> {
    fn text(&self, name: &str) -> &'a str {
        text(self.it, name)
    }

    fn id(&self) -> &'a str {
        self.text("operationId")
    }

    fn has(&self, asked: &str) -> bool {
        let texts =
            [self.method, self.path, self.id(), self.text("summary"), self.text("description")];
        asked
            .split_whitespace()
            .all(|word| texts.iter().any(|text| text.to_lowercase().contains(&word.to_lowercase())))
    }
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn told(document: &Json) -> Vec<Told<'_>> {
    let paths = document.get("paths").and_then(Json::as_object).into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, it)| Told { method, path, it })
    });
    operations.collect()
}

pub(crate) async fn show(seen: Seen, query: Query) -> Result<Html<String>, Problem> {
    let asked = query.one("q")?.unwrap_or_default().trim().to_owned();
    let document = document();
    let operations: Vec<Told<'_>> =
        told(document).into_iter().filter(|operation| operation.has(&asked)).collect();
    let main = html! {
        (filter(&asked))
        @if operations.is_empty() {
            (ui::empty("Nothing matches", "No operation has all of these words in its path, name or description.", Some(("/api/docs", "Show all"))))
        } @else {
            @if asked.is_empty() { (about(document)) }
            (contents(&operations))
            @for tag in Tag::ALL { (group(*tag, &operations)) }
            @if asked.is_empty() { (schemas(document)) }
        }
    };
    let page = Page {
        title: "API",
        section: "/api/docs",
        lede: Some(html! { (operations.len()) " operations, for programs and for scripts." }),
        tools: html! {
            a.button href="/api/openapi.json" { "OpenAPI document" }
            a.button href="/api/problems" { "Problems" }
        },
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

fn filter(asked: &str) -> Markup {
    html! {
        form.filters method="get" action="/api/docs" role="search" {
            label { "Find an operation" input type="search" name="q" value=(asked) placeholder="forecast, history, PATCH …"; }
            button.button { "Find" }
            @if !asked.is_empty() { a.button.quiet href="/api/docs" { "Show all" } }
        }
    }
}

fn about(document: &Json) -> Markup {
    let info = document.get("info").cloned().unwrap_or_default();
    html! {
        section.card.api-about aria-label="How the API works" {
            @for paragraph in text(&info, "description").split("\n\n") { p { (prose(paragraph)) } }
            (curl("GET", "/api/v1/decisions?state=at-risk", None, &[]))
        }
    }
}

/// Text with `code` and **strong** words.
pub(crate) fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } }
            @else {
                @for (index, part) in part.split("**").enumerate() {
                    @if index % 2 == 1 { strong { (part) } } @else { (part) }
                }
            }
        }
    }
}

fn contents(operations: &[Told<'_>]) -> Markup {
    html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Operations" }
                thead { tr { th scope="col" { "Method" } th scope="col" { "Path" } th scope="col" { "What it does" } } }
                tbody {
                    @for operation in operations {
                        tr {
                            td { (method(operation.method)) }
                            td { a.row-link.mono href={ "#" (operation.id()) } { (operation.path) } }
                            td.wide { (operation.text("summary")) }
                        }
                    }
                }
            }
        }
    }
}

fn method(method: &str) -> Markup {
    html! { span.api-method { (method.to_uppercase()) } }
}

fn group(tag: Tag, operations: &[Told<'_>]) -> Markup {
    let of_tag = |operation: &&Told<'_>| {
        operation.it.pointer("/tags/0").and_then(Json::as_str) == Some(tag.name())
    };
    let operations: Vec<&Told<'_>> = operations.iter().filter(of_tag).collect();
    html! {
        @if !operations.is_empty() {
            section {
                h2 { (tag.name()) }
                p.muted { (tag.doc()) }
                @for operation in operations { (one(operation)) }
            }
        }
    }
}

fn one(operation: &Told<'_>) -> Markup {
    let it = operation.it;
    let body = it.pointer("/requestBody/content").and_then(Json::as_object);
    let body = body.and_then(|content| content.iter().next());
    let example = body.and_then(|(media, body)| Some((media.as_str(), body.get("example")?)));
    html! {
        article.card.api-operation id=(operation.id()) {
            h3 { span { (method(operation.method)) " " span.mono { (operation.path) } } }
            p { strong { (operation.text("summary")) } }
            @for paragraph in operation.text("description").split("\n\n").filter(|it| !it.is_empty()) {
                p { (prose(paragraph)) }
            }
            (parameters(it))
            @if let Some((media, body)) = body {
                p { "Body: " code { (media) } ", " (type_of(body.get("schema").unwrap_or(&Json::Null))) "." }
            }
            (answers(it))
            (curl(&operation.method.to_uppercase(), operation.path, example, &headers(it)))
        }
    }
}

fn parameters(it: &Json) -> Markup {
    let parameters = it.get("parameters").and_then(Json::as_array).cloned().unwrap_or_default();
    html! {
        @if !parameters.is_empty() {
            div.scroll {
                table.data {
                    caption.visually-hidden { "Parameters" }
                    thead { tr { th scope="col" { "Parameter" } th scope="col" { "In" } th scope="col" { "Type" } th scope="col" { "What it says" } } }
                    tbody {
                        @for parameter in &parameters {
                            tr {
                                th scope="row" { code { (text(parameter, "name")) } @if parameter["required"] == true { small { "required" } } }
                                td { (text(parameter, "in")) }
                                td { (type_of(&parameter["schema"])) }
                                td.wide { (prose(text(parameter, "description"))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn answers(it: &Json) -> Markup {
    let none = Map::new();
    let answers = it.get("responses").and_then(Json::as_object).unwrap_or(&none);
    let (fine, problems): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(status, _)| status.as_str() < "400");
    let row = |status: &str, answer: &Json| {
        let schema = answer.pointer("/content/application~1json/schema");
        html! {
            tr {
                th scope="row" { (status) }
                td { @if let Some(schema) = schema { (type_of(schema)) } @else { (ui::dash()) } }
                td.wide { (prose(text(answer, "description"))) }
            }
        }
    };
    html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Answers" }
                thead { tr { th scope="col" { "Status" } th scope="col" { "Answer" } th scope="col" { "When" } } }
                tbody { @for (status, answer) in fine { (row(status, answer)) } }
            }
        }
        @if !problems.is_empty() {
            details {
                summary { "Problems it may answer with" }
                dl.facts {
                    @for (status, answer) in problems {
                        dt { (status) } dd { (prose(text(answer, "description"))) }
                    }
                }
            }
        }
    }
}

/// Headers of the example: those that a change can't do without.
fn headers(it: &Json) -> Vec<&str> {
    let parameters = it.get("parameters").and_then(Json::as_array).into_iter().flatten();
    let names = parameters.map(|parameter| text(parameter, "name"));
    names.filter(|name| *name == header::IF_MATCH.as_str() || *name == "If-Match").collect()
}

/// How to ask from a shell.
fn curl(method: &str, path: &str, example: Option<(&str, &Json)>, headers: &[&str]) -> Markup {
    let path = path
        .replace("{kind}", "part")
        .replace("{sequence}", "1")
        .replace("{id}", if path.contains("{kind}") { "nrf9161-laca" } else { "door-open-alerts" });
    let mut lines = vec![match method {
        "GET" => "curl -H \"Authorization: Bearer $TOKEN\"".to_owned(),
        method => format!("curl -X {method} -H \"Authorization: Bearer $TOKEN\""),
    }];
    lines.extend(headers.iter().map(|name| format!("  -H '{name}: \"1\"'")));
    if let Some((media, example)) = example {
        lines.push(format!("  -H 'Content-Type: {media}'"));
        lines.push(format!("  -d '{example}'"));
    }
    let quoted = if path.contains('?') {
        format!("\"$LONGLEAD{path}\"")
    } else {
        format!("$LONGLEAD{path}")
    };
    lines.push(format!("  {quoted}"));
    html! { pre.api-example tabindex="0" aria-label="Example" { code { (lines.join(" \\\n")) } } }
}

fn schemas(document: &Json) -> Markup {
    let schemas = document.pointer("/components/schemas").and_then(Json::as_object);
    html! {
        section {
            h2 { "Schemas" }
            p.muted { "What bodies and answers hold, field by field." }
            ul.chips {
                @for (name, _) in schemas.into_iter().flatten() {
                    li { a.chip href={ "/api/docs/" (name) } { (name) } }
                }
            }
        }
    }
}

pub(crate) async fn schema(
    seen: Seen,
    Named(name): Named<String>,
) -> Result<Html<String>, Problem> {
    let schemas = document().pointer("/components/schemas").and_then(Json::as_object);
    let schema = schemas.and_then(|schemas| schemas.get(&name));
    let schema = schema.ok_or_else(|| Problem::not_found("There is no such schema"))?;
    let main = html! {
        p { (prose(text(schema, "description"))) }
        (fields(schema))
        details {
            summary { "As JSON Schema" }
            pre.api-example tabindex="0" { code { (serde_json::to_string_pretty(schema).unwrap_or_default()) } }
        }
    };
    let page = Page {
        title: &name,
        section: "/api/docs",
        lede: None,
        tools: html! { a.button href="/api/docs" { "API" } },
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

fn fields(schema: &Json) -> Markup {
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
        let variants = ["oneOf", "anyOf"].iter().find_map(|name| schema.get(name)?.as_array());
        return html! {
            @match variants {
                Some(variants) => {
                    p { "One of:" }
                    @for variant in variants {
                        @if variant.get("properties").is_some() { (variant_fields(variant)) }
                        @else { p { (type_of(variant)) " " span.muted { (prose(text(variant, "description"))) } } }
                    }
                }
                None => { p { (type_of(schema)) } }
            }
        };
    };
    let required = schema.get("required").and_then(Json::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|it| it.as_str() == Some(name)));
    html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Fields" }
                thead { tr { th scope="col" { "Field" } th scope="col" { "Type" } th scope="col" { "What it holds" } } }
                tbody {
                    @for (name, field) in properties {
                        tr {
                            th scope="row" { code { (name) } @if !is_required(name) { small { "optional" } } }
                            td { (type_of(field)) }
                            td.wide { (prose(text(field, "description"))) }
                        }
                    }
                }
            }
        }
    }
}

fn variant_fields(variant: &Json) -> Markup {
    let kind = variant.pointer("/properties/kind/const").and_then(Json::as_str);
    html! {
        div.card {
            @if let Some(kind) = kind { h3 { code { (kind) } } }
            p { (prose(text(variant, "description"))) }
            (fields(variant))
        }
    }
}

/// A type in words, which lead to its schema.
fn type_of(schema: &Json) -> Markup {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return html! { a href={ "/api/docs/" (name) } { (name) } };
    }
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        let values: Vec<&str> = values.iter().filter_map(Json::as_str).collect();
        let shown = values.get(..values.len().min(6)).unwrap_or_default();
        let more = values.len() - shown.len();
        return html! {
            @for (index, value) in shown.iter().enumerate() {
                @if index > 0 { ", " } code { (value) }
            }
            @if more > 0 { " and " (more) " more" }
        };
    }
    if let Some(value) = schema.get("const").and_then(Json::as_str) {
        return html! { code { (value) } };
    }
    if let Some(variants) = ["anyOf", "oneOf"].iter().find_map(|it| schema.get(it)?.as_array()) {
        return html! {
            @for (index, variant) in variants.iter().enumerate() {
                @if index > 0 { " or " } (type_of(variant))
            }
        };
    }
    let names = match schema.get("type") {
        Some(Json::String(name)) => vec![name.as_str()],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => vec!["anything"],
    };
    html! {
        @for (index, name) in names.iter().enumerate() {
            @if index > 0 { " or " }
            @match (*name, schema.get("items"), text(schema, "format")) {
                ("array", Some(items), _) => { "list of " (type_of(items)) }
                ("string", _, "date") => "day"
                ("string", _, "date-time") => "instant"
                ("string", _, _) => "text"
                ("boolean", _, _) => "true or false"
                (name, _, _) => (name)
            }
        }
    }
}
