//! Query parameters and path segments, read strictly.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use longlead_model::{Kind, nearest};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::Problem;

/// The parameters of a query. Those that the route doesn't know have been refused already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    pub(crate) fn of(query: Option<&str>) -> Result<Query, Problem> {
        let pairs = serde_urlencoded::from_str(query.unwrap_or_default());
        pairs.map(Query).map_err(|_| Problem::bad_request("The query can't be read"))
    }

    /// The value of a parameter, if it is given.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(told, _)| told == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(String::as_str)),
            _ => Err(Problem::bad_request(format!("`{name}` is given twice"))),
        }
    }

    /// The value of a parameter as a type; `what` says what it must be.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        let wrong = |_| Problem::bad_request(format!("`{name}` must be {what}"));
        value.parse().map(Some).map_err(wrong)
    }

    /// How many items an answer may have.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let what = format!("a number from 1 to {LIMIT_MAX}");
        let limit = self.parsed("limit", &what)?.unwrap_or(LIMIT);
        match (1..=LIMIT_MAX).contains(&limit) {
            true => Ok(limit),
            false => Err(Problem::bad_request(format!("`limit` must be {what}"))),
        }
    }

    /// Refuses parameters that a route doesn't know: a filter that is misspelt would else let
    /// everything through.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let unknown = self.0.iter().find(|(name, _)| !known.contains(&name.as_str()));
        let Some((name, _)) = unknown else {
            return Ok(());
        };
        let shown: String = name.chars().take(60).collect();
        let problem = Problem::bad_request(format!("There is no query parameter `{shown}`"));
        Err(match nearest(name, known.iter().copied()) {
            Some(near) => problem.detail(format!("Did you mean `{near}`?")),
            None if known.is_empty() => problem.detail("This takes none."),
            None => problem.detail(format!("There are {}.", known.join(", "))),
        })
    }
}

/// Items of an answer that says nothing else.
pub(crate) const LIMIT: usize = 100;

/// Items of an answer at most.
pub(crate) const LIMIT_MAX: usize = 500;

impl FromRequestParts<App> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        Query::of(parts.uri.query())
    }
}

/// Segments of the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(segments) = Path::<T>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::not_found("There is nothing at this address"))?;
        Ok(Named(segments))
    }
}

/// The kind that a segment of the path names.
pub(crate) fn kind_named(word: &str) -> Result<Kind, Problem> {
    Kind::named(word).ok_or_else(|| {
        let shown: String = word.chars().take(60).collect();
        let problem = Problem::not_found(format!("There is no kind of record called `{shown}`"));
        match nearest(word, Kind::ALL.iter().map(|kind| kind.as_str())) {
            Some(near) => problem.detail(format!("Did you mean `{near}`?")),
            None => problem,
        }
    })
}
