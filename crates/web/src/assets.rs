//! Stylesheet, script, icon and the chart library, all served from the binary.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("../assets/app.css");
const SCRIPT: &str = include_str!("../assets/app.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// A short text that changes whenever an asset does, so that browsers may keep assets for ever.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let digest = Sha256::digest([STYLE, SCRIPT, ICON].concat());
        hex::encode(digest).get(..12).unwrap_or_default().to_owned()
    });
    &VERSION
}

/// plotly.js, as the `plotly` crate carries it between script tags.
fn plotly_js() -> &'static str {
    static PLOTLY: LazyLock<String> = LazyLock::new(|| {
        let tags = plotly::Plot::offline_js_sources();
        let open = "<script type=\"text/javascript\">";
        let script = tags.split_once(open).map_or("", |(_, rest)| rest);
        script.split("</script>\n").next().unwrap_or_default().to_owned()
    });
    &PLOTLY
}

fn asset(kind: &'static str, body: &'static str) -> Response {
    let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
    let kind = HeaderValue::from_static(kind);
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], body).into_response()
}

pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}

pub(crate) async fn plotly() -> Response {
    asset("text/javascript; charset=utf-8", plotly_js())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_library_is_a_script_without_tags() {
        let script = plotly_js();
        assert!(script.len() > 1_000_000, "{} bytes", script.len());
        assert!(script.contains("plotly.js v"));
        assert!(!script.starts_with('<') && !script.ends_with("</script>"));
    }

    #[test]
    fn every_block_of_the_style_is_closed() {
        let mut depth = 0_i32;
        for (number, line) in STYLE.lines().enumerate() {
            depth += line.matches('{').count() as i32 - line.matches('}').count() as i32;
            let is_top = !line.starts_with([' ', '}', '/']) && line.ends_with('{');
            let least = i32::from(is_top);
            assert!(depth >= least, "line {}: `{line}` closes too much", number + 1);
            assert!(!is_top || depth == 1, "line {}: `{line}` stands inside a block", number + 1);
        }
        assert_eq!(depth, 0, "a block is open at the end");
    }
}
