//! Pictures from a real HTTPS server on this machine, as it should be and as it should not.

use std::fs;

use image::{Rgba, RgbaImage};

use super::*;
use crate::testing::{Answer, Folder, Site, png};

/// A server, and an app that trusts it.
struct Bench {
    site: Site,
    folder: Folder,
    pictures: RealPictures,
}

impl Bench {
    fn start(answers: impl IntoIterator<Item = (&'static str, Answer)>) -> Self {
        let (site, folder) = (Site::start(answers), Folder::new());
        let pictures = RealPictures::trusting([site.root()].into_iter().collect::<Vec<_>>().into(), folder.path().join("pictures"));
        Self { site, folder, pictures }
    }

    fn request(&self, path: &str) -> Request {
        Request { url: self.site.url(path), shape: Shape::Face, reach: Reach::Anywhere, nearby: true }
    }

    async fn get(&self, request: Request) -> Option<Picture> {
        self.pictures.get(request).await
    }
}

fn picture() -> Vec<u8> {
    png(&RgbaImage::from_pixel(64, 64, Rgba([200, 100, 50, 255])))
}

#[tokio::test]
async fn a_picture_is_fetched_once_and_then_found_on_the_disk() {
    let bench = Bench::start([("/amira", Answer::picture(picture()))]);
    let first = bench.get(bench.request("/amira")).await.expect("it is there");
    assert_eq!(first.pixels.width(), 64);
    let again = bench.get(Request { reach: Reach::Kept, ..bench.request("/amira") }).await;
    assert_eq!(again, Some(first.clone()));
    assert_eq!(bench.get(bench.request("/amira")).await, Some(first));
    assert_eq!(bench.site.asked(), ["/amira"]);
}

#[tokio::test]
async fn nobody_is_asked_for_a_picture_that_may_only_be_kept() {
    let bench = Bench::start([("/amira", Answer::picture(picture()))]);
    assert_eq!(bench.get(Request { reach: Reach::Kept, ..bench.request("/amira") }).await, None);
    assert!(bench.site.asked().is_empty());
}

#[tokio::test]
async fn what_was_kept_and_is_damaged_is_fetched_again() {
    let bench = Bench::start([("/amira", Answer::picture(picture()))]);
    bench.get(bench.request("/amira")).await.expect("it is there");
    for file in fs::read_dir(bench.folder.path().join("pictures")).expect("it is kept") {
        fs::write(file.expect("the test's own folder").path(), "torn").expect("the test's own folder");
    }
    assert!(bench.get(bench.request("/amira")).await.is_some());
    assert_eq!(bench.site.asked().len(), 2);
}

#[tokio::test]
async fn an_old_picture_is_shown_when_its_server_is_gone() {
    let bench = Bench::start([("/amira", Answer::picture(picture()))]);
    bench.get(bench.request("/amira")).await.expect("it is there");
    for file in fs::read_dir(bench.folder.path().join("pictures")).expect("it is kept") {
        let file = fs::File::options().write(true).open(file.expect("it is kept").path()).expect("it is this user's");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("it is this user's");
    }
    bench.site.forget_everything();
    assert!(bench.get(bench.request("/amira")).await.is_some());
    assert_eq!(bench.site.asked().len(), 2, "it was asked for all the same");
}

#[tokio::test]
async fn a_server_of_its_own_network_is_asked_only_where_the_service_is_there_too() {
    let bench = Bench::start([("/amira", Answer::picture(picture()))]);
    for url in [bench.site.url("/amira"), bench.site.url("/amira").replace("localhost", "127.0.0.1")] {
        assert_eq!(bench.get(Request { url, nearby: false, ..bench.request("/") }).await, None);
    }
    assert_eq!(bench.site.connections(), 0, "not even a connection is opened");
}

#[tokio::test]
async fn only_https_is_spoken() {
    let bench = Bench::start([
        ("/amira", Answer::picture(picture())),
        ("/down", Answer::elsewhere("http://localhost/amira")),
        ("/file", Answer::elsewhere("file:///etc/passwd")),
    ]);
    for url in [bench.site.url("/amira").replace("https:", "http:"), "file:///etc/passwd".to_owned(), "amira".to_owned(), String::new()] {
        assert_eq!(bench.get(Request { url, ..bench.request("/") }).await, None);
    }
    for path in ["/down", "/file"] {
        assert_eq!(bench.get(bench.request(path)).await, None, "{path}");
    }
    assert_eq!(bench.site.asked(), ["/down", "/file"]);
}

#[tokio::test]
async fn a_server_with_a_certificate_of_its_own_making_is_not_trusted() {
    let (bench, stranger) = (Bench::start([]), Site::start([("/amira", Answer::picture(picture()))]));
    assert_eq!(bench.get(Request { url: stranger.url("/amira"), ..bench.request("/") }).await, None);
    assert!(stranger.asked().is_empty());
}

#[tokio::test]
async fn a_picture_that_lies_elsewhere_is_followed_a_few_times() {
    let bench = Bench::start([
        ("/1", Answer::elsewhere("/2")),
        ("/2", Answer::elsewhere("/3")),
        ("/3", Answer::elsewhere("/amira")),
        ("/4", Answer::elsewhere("/1")),
        ("/amira", Answer::picture(picture())),
        ("/nowhere", Answer::Redirect(None)),
    ]);
    assert!(bench.get(bench.request("/1")).await.is_some());
    assert_eq!(bench.get(bench.request("/4")).await, None);
    assert_eq!(bench.get(bench.request("/nowhere")).await, None);
}

#[tokio::test]
async fn within_one_host_nobody_is_led_to_another() {
    let bench = Bench::start([("/amira", Answer::picture(picture())), ("/near", Answer::elsewhere("/amira"))]);
    let far = bench.site.url("/amira").replace("localhost", "127.0.0.1");
    bench.site.answer("/far", Answer::elsewhere(&far));
    let within = |path: &str| Request { reach: Reach::Host("localhost".to_owned()), ..bench.request(path) };
    assert!(bench.get(within("/near")).await.is_some());
    assert_eq!(bench.get(within("/far")).await, None);
    assert_eq!(bench.get(Request { url: far, ..within("/") }).await, None);
    assert_eq!(bench.site.asked(), ["/near", "/amira", "/far"]);
}

#[tokio::test]
async fn what_is_too_large_or_no_picture_or_not_there_is_not_shown() {
    let bench = Bench::start([
        ("/large", Answer::picture(vec![0; 2 * 1024 * 1024 + 1])),
        ("/endless", Answer::Endless),
        ("/page", Answer::picture(b"<html>".to_vec())),
    ]);
    for path in ["/large", "/endless", "/page", "/gone"] {
        assert_eq!(bench.get(bench.request(path)).await, None, "{path}");
    }
    assert!(!bench.folder.path().join("pictures").exists(), "nothing of it is kept");
}
