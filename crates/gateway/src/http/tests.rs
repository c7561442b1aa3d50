use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use tower::ServiceExt;

use super::router;
use crate::front::tests::{Sight, front, open_front};
use crate::front::{Front, Peer};
use longlead_stream::Refusal;

async fn ask(
    front: &Arc<Front>,
    request: Request<Body>,
) -> (StatusCode, String, axum::http::HeaderMap) {
    let response =
        router(Arc::clone(front), None).oneshot(request).await.expect("a router answers");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("the body is whole");
    (parts.status, String::from_utf8(body.to_vec()).expect("UTF-8"), parts.headers)
}

fn post(address: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(address).header("content-type", content_type);
    request.body(body.into()).expect("a request")
}

#[tokio::test]
async fn a_payload_is_answered_with_a_receipt_once_it_is_kept() {
    let (keeper, front) = open_front();
    let payload = r#"[{"device":"CT-1","seq":1,"temperature":4.5},{"device":"CT-1","seq":2}]"#;
    let (status, body, _) =
        ask(&front, post("/ingest/v1/climate", "application/json", payload)).await;
    assert_eq!(status, StatusCode::OK);
    let told: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(told["quarantined"], 2, "{body}");
    assert_eq!(told["unreadable"], 1, "{body}");
    assert_eq!(keeper.seen(), [Sight::new("climate", "CT-1"), Sight::unreadable("json")]);
}

#[tokio::test]
async fn a_packed_body_is_unpacked_and_a_bomb_is_refused() {
    let (keeper, front) = open_front();
    let pack = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory takes bytes");
        encoder.finish().expect("memory takes bytes")
    };
    let packed = |bytes: &[u8]| {
        let request = Request::post("/api/v2/write?precision=s").header("content-encoding", "gzip");
        request.body(Body::from(pack(bytes))).expect("a request")
    };
    let (status, _, _) = ask(&front, packed(b"climate,device=CT-1 t=4 1767225600")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, body, _) = ask(&front, packed(&vec![b' '; 40 << 20])).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{body}");
    assert_eq!(keeper.seen(), [Sight::new("climate", "CT-1")]);
}

#[tokio::test]
async fn a_bad_line_is_told_in_the_words_of_influxdb_and_the_others_are_kept() {
    let lines = "a,device=d b=1\na b\n";
    for (address, key) in [("/write?db=x", "error"), ("/api/v2/write?bucket=x", "message")] {
        let (keeper, front) = open_front();
        let (status, body, _) = ask(&front, post(address, "text/plain", lines)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let told: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let message = told[key].as_str().expect("a message");
        assert!(message.starts_with("partial write: unable to parse: line 2: "), "{body}");
        assert_eq!(keeper.seen(), [Sight::new("a", "d"), Sight::unreadable("line-protocol")]);
    }
    let (_, front) = open_front();
    let (status, ..) = ask(&front, post("/write?precision=fortnight", "text/plain", "a b=1")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_http() {
    let cases = [
        (Refusal::Busy { retry_after_seconds: 7 }, 429, Some("7")),
        (Refusal::DiskFull, 507, Some("60")),
        (Refusal::TooLarge, 413, None),
        (Refusal::Closing, 503, Some("5")),
    ];
    for (refusal, status, retry_after) in cases {
        let (keeper, front) = open_front();
        keeper.refuse(refusal);
        for address in ["/ingest/v1/a", "/write", "/api/v2/write"] {
            let (told, _, headers) = ask(&front, post(address, "text/plain", "a b=1")).await;
            assert_eq!(told.as_u16(), status, "{refusal:?} {address}");
            let header = headers.get("retry-after").map(|it| it.to_str().expect("a number"));
            assert_eq!(header, retry_after, "{refusal:?} {address}");
        }
    }
}

#[tokio::test]
async fn a_door_that_is_not_open_asks_who_sends() {
    let (_, front) = front();
    let cases = [
        (None, StatusCode::UNAUTHORIZED),
        (Some("Token wrong"), StatusCode::UNAUTHORIZED),
        (Some("Token system-token"), StatusCode::NO_CONTENT),
        (Some("Bearer system-token"), StatusCode::NO_CONTENT),
        // telegraf:system-token
        (Some("Basic dGVsZWdyYWY6c3lzdGVtLXRva2Vu"), StatusCode::NO_CONTENT),
    ];
    for (authorisation, expected) in cases {
        let mut request = post("/write", "text/plain", "a b=1");
        if let Some(authorisation) = authorisation {
            request.headers_mut().insert("authorization", authorisation.parse().expect("a header"));
        }
        assert_eq!(ask(&front, request).await.0, expected, "{authorisation:?}");
    }
    let request = post("/write?u=telegraf&p=system-token", "text/plain", "a b=1");
    assert_eq!(ask(&front, request).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_device_speaks_only_for_itself_and_a_gateway_for_its_children() {
    let cases = [
        ("CT-1", "CT-1", &[][..]),
        ("CT-1", "CT-2", &["not-its-device"]),
        ("GW-1", "GW-1/child", &[]),
        ("GW-1", "CT-2", &["not-its-device"]),
    ];
    for (peer, device, reasons) in cases {
        let (keeper, front) = front();
        let payload = format!(r#"{{"device":"{device}","t":1}}"#);
        let mut request = post("/ingest/v1/spoken", "application/json", payload);
        request.extensions_mut().insert(Peer::Device(peer.into()));
        assert_eq!(ask(&front, request).await.0, StatusCode::OK);
        assert_eq!(keeper.reasons(), reasons, "{peer} for {device}");
    }
    let (_, front) = front();
    let mut request = post("/ingest/v1/a", "application/json", "{}");
    request.extensions_mut().insert(Peer::Device("unknown".into()));
    assert_eq!(ask(&front, request).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_a_client_of_influxdb_asks_first_is_answered() {
    let (_, front) = front();
    for (address, expected) in [("/ping", 204), ("/health", 200)] {
        let request = Request::get(address).body(Body::empty()).expect("a request");
        assert_eq!(ask(&front, request).await.0.as_u16(), expected, "{address}");
    }
    let form = "application/x-www-form-urlencoded";
    let create = post("/query", form, "q=CREATE+DATABASE+%22telegraf%22");
    assert_eq!(ask(&front, create).await.0, StatusCode::OK);
    let select = post("/query", form, "q=SELECT+1");
    assert_eq!(ask(&front, select).await.0, StatusCode::BAD_REQUEST);
    let unknown = post("/ingest/v1/a", "application/xml", "<a/>");
    assert_eq!(ask(&open_front().1, unknown).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
