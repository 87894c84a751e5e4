//! The scheme that serves the page, to the inspector's webview alone.

use std::borrow::Cow;
use std::sync::Arc;

use tauri::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use tauri::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use tauri::http::{Request, Response, StatusCode};
use tauri::{Manager, Runtime, UriSchemeContext};

use super::state::Inspector;

/// What the page may load and reach: its own files and the IPC.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src ipc: http://ipc.localhost; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("../../../inspector/page/index.html");
const SCRIPT: &str = include_str!("../../../inspector/page/inspector.js");
const STYLE: &str = include_str!("../../../inspector/page/inspector.css");

/// Responds to a request of the scheme.
pub(in crate::shell) fn serve<R: Runtime>(
    context: UriSchemeContext<'_, R>,
    request: Request<Vec<u8>>,
) -> Response<Cow<'static, [u8]>> {
    let inspector = context.app_handle().try_state::<Arc<Inspector>>();
    // A frame in another page has the label of that page.
    let is_own = inspector.is_some_and(|inspector| inspector.is_in(context.webview_label()));
    respond(is_own, request.uri().path())
}

fn respond(is_own: bool, path: &str) -> Response<Cow<'static, [u8]>> {
    let found = match path {
        "/" => Some(("text/html; charset=utf-8", PAGE)),
        "/inspector.js" => Some(("text/javascript; charset=utf-8", SCRIPT)),
        "/inspector.css" => Some(("text/css; charset=utf-8", STYLE)),
        _ => None,
    };
    let (status, kind, text) = match found {
        _ if !is_own => (
            StatusCode::FORBIDDEN,
            "text/plain",
            "this page is for the inspector of the event bus alone",
        ),
        Some((kind, text)) => (StatusCode::OK, kind, text),
        None => (StatusCode::NOT_FOUND, "text/plain", "there is no such file"),
    };
    let mut response = Response::new(Cow::Borrowed(text.as_bytes()));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_inspector_gets_the_page() {
        for path in ["/", "/inspector.js", "/inspector.css"] {
            let own = respond(true, path);
            assert_eq!(own.status(), StatusCode::OK, "{path}");
            assert!(!own.body().is_empty(), "{path}");
            let others = respond(false, path);
            assert_eq!(others.status(), StatusCode::FORBIDDEN, "{path}");
            assert!(!others.body().starts_with(b"<"), "{path}");
            for response in [own, others] {
                assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], POLICY);
            }
        }
        assert_eq!(respond(true, "/../x").status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_page_needs_no_other_source() {
        assert!(PAGE.contains("src=\"/inspector.js\""), "{PAGE}");
        assert!(PAGE.contains("href=\"/inspector.css\""), "{PAGE}");
        for text in [PAGE, STYLE] {
            assert!(!text.contains("http:") && !text.contains("https:"));
        }
        assert!(!PAGE.contains("<style") && !PAGE.contains(" style="));
    }
}
