//! How requests of companies' backends were answered, and how long that took.

use std::sync::OnceLock;
use std::time::Duration;

use super::number::Histogram;
use super::page::Page;

/// From what is answered from memory to what is given up.
const MICROSECONDS: &[u64] = &[1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];
/// What is shown of a status.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// What is asked for that there is not: a path, or a method of one. Nobody outside can make up another word.
const OTHER: (&str, &str) = ("other", "other");

/// One histogram for each route and class of statuses.
#[derive(Debug, Default)]
pub(crate) struct ApiRequests(OnceLock<Vec<Route>>);

#[derive(Debug)]
struct Route {
    /// In upper case.
    method: String,
    /// As it is written down: with names in the place of what differs from request to request.
    path: &'static str,
    took: [Histogram; CLASSES.len()],
}

impl Route {
    fn new(method: &str, path: &'static str) -> Self {
        Self { method: method.to_uppercase(), path, took: std::array::from_fn(|_| Histogram::of_durations(MICROSECONDS)) }
    }
}

impl ApiRequests {
    /// Says which routes there are, by method and path. The first time counts.
    pub(crate) fn know(&self, routes: impl IntoIterator<Item = (&'static str, &'static str)>) {
        let other = Route { method: OTHER.0.to_owned(), ..Route::new("", OTHER.1) };
        self.0.get_or_init(|| routes.into_iter().map(|(method, path)| Route::new(method, path)).chain([other]).collect());
    }

    /// Notes what was answered to a request on a path, if there is one, within which time.
    pub(crate) fn observe(&self, method: &str, path: Option<&str>, status: u16, took: Duration) {
        let routes = self.0.get().map(Vec::as_slice).unwrap_or_default();
        let found = routes.iter().find(|route| path == Some(route.path) && route.method == method);
        let histogram = found.or(routes.last()).and_then(|route| route.took.get(usize::from(status / 100).checked_sub(1)?));
        if let Some(histogram) = histogram {
            histogram.observe_duration(took);
        }
    }

    /// Only what there has been: most of the rest cannot be.
    pub(super) fn write(&self, page: &mut Page) {
        let routes = self.0.get().into_iter().flatten();
        let each = routes.flat_map(|Route { method, path, took }| {
            let classes = CLASSES.iter().zip(took).filter(|(_, took)| took.count() > 0);
            classes.map(move |(class, took)| (format!("method=\"{method}\",route=\"{path}\",status=\"{class}\""), took))
        });
        let help = "How long it took to answer requests of companies' backends, until the answer began.";
        page.histograms("signedcall_api_request_seconds", help, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_route_and_class_and_what_is_made_up_is_one() {
        let requests = ApiRequests::default();
        requests.observe("GET", Some("/v1/calls"), 200, Duration::ZERO);
        requests.know([("get", "/v1/calls"), ("post", "/v1/calls"), ("get", "/v1/calls/{id}")]);
        for (method, path, status) in [
            ("GET", Some("/v1/calls"), 200),
            ("GET", Some("/v1/calls"), 204),
            ("POST", Some("/v1/calls"), 409),
            ("PATCH", Some("/v1/calls"), 405),
            ("GET", Some("/v1/{*path}"), 404),
            ("GET", None, 404),
        ] {
            requests.observe(method, path, status, Duration::from_millis(3));
        }
        let mut page = Page::default();
        requests.write(&mut page);
        let text = page.into_text();
        let counts: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("signedcall_api_request_seconds_count")).collect();
        assert_eq!(
            counts,
            [
                r#"{method="GET",route="/v1/calls",status="2xx"} 2"#,
                r#"{method="POST",route="/v1/calls",status="4xx"} 1"#,
                r#"{method="other",route="other",status="4xx"} 3"#,
            ]
        );
        assert!(text.contains(r#"_bucket{method="GET",route="/v1/calls",status="2xx",le="0.0025"} 0"#), "{text}");
        assert!(text.contains(r#"_bucket{method="GET",route="/v1/calls",status="2xx",le="0.005"} 2"#), "{text}");
    }
}
