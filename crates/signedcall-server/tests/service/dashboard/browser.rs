//! A browser at the dashboard: it keeps a cookie, and says with each request which page has made it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use signedcall_server::store::Accounts;
use signedcall_server::{STORE_FILE, Settings, dashboard, open_accounts};

use crate::api::http::{Answer, say};
use crate::support::TestService;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A service with a dashboard.
pub(crate) struct Dashboard {
    pub(crate) service: TestService,
    pub(crate) address: SocketAddr,
}

impl Dashboard {
    pub(crate) async fn start() -> Self {
        Self::start_as(|_| {}).await
    }

    pub(crate) async fn start_as(change: impl FnOnce(&mut Settings)) -> Self {
        let service = TestService::start_as(tempfile::tempdir().expect("a directory"), |settings| {
            settings.dashboard_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
            change(settings);
        });
        let service = service.await;
        let address = service.service.dashboard_address().expect("it was asked for");
        Self { service, address }
    }

    /// The store, as a command opens it.
    pub(crate) fn accounts(&self) -> Accounts {
        open_accounts(&Settings::on_loopback(self.service.data.path().to_owned())).expect("the store")
    }

    pub(crate) fn store(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.service.data.path().join(STORE_FILE)).expect("the store")
    }

    /// The secret part of a new link, as `operator link` prints it.
    pub(crate) fn link(&self, operator: &str) -> String {
        secret_of(dashboard::new_link(&self.accounts(), operator).expect("a link").expose())
    }

    pub(crate) fn first_link(&self) -> String {
        secret_of(self.service.service.first_link().expect("nobody can sign in yet").expose())
    }

    /// A browser in which nobody is signed in.
    pub(crate) fn browser(&self) -> Browser {
        Browser { address: self.address, cookie: None, familiar: None }
    }

    /// A browser in which `admin` is signed in.
    pub(crate) async fn signed_in(&self) -> Browser {
        self.signed_in_as("admin").await
    }

    /// A browser in which somebody is signed in, and nowhere else.
    pub(crate) async fn signed_in_as(&self, operator: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.post("/api/link/password", &json!({"link": self.link(operator), "password": PASSWORD})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        browser
    }
}

fn secret_of(link: &str) -> String {
    link.rsplit_once("/#/link/").expect("a link").1.to_owned()
}

/// A browser, or something that is not one.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    pub(crate) cookie: Option<String>,
    /// What it was given when somebody had signed in.
    pub(crate) familiar: Option<String>,
}

impl Browser {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.say("GET", path, &[], None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.change("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&mut self, path: &str, body: &Value) -> Answer {
        self.change("PUT", path, Some(body)).await
    }

    /// Changes one version and no other.
    pub(crate) async fn put_over(&mut self, path: &str, version: &str, body: &Value) -> Answer {
        self.change_with("PUT", path, &[&format!("If-Match: {version}")], Some(body)).await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Answer {
        self.change("DELETE", path, None).await
    }

    async fn change(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.change_with(method, path, &[], body).await
    }

    /// Asks as its own page does, and keeps the cookies that come back.
    async fn change_with(&mut self, method: &str, path: &str, lines: &[&str], body: Option<&Value>) -> Answer {
        let origin = format!("Origin: http://{}", self.address);
        let lines: Vec<&str> = lines.iter().copied().chain([origin.as_str()]).collect();
        let answer = self.say(method, path, &lines, body.map(Value::to_string).as_deref()).await;
        for set in answer.headers("set-cookie") {
            let pair = set.split(';').next().map(str::to_owned).filter(|pair| !pair.ends_with('='));
            *if set.contains("signedcall_familiar") { &mut self.familiar } else { &mut self.cookie } = pair;
        }
        answer
    }

    /// Says exactly this.
    pub(crate) async fn say(&self, method: &str, path: &str, lines: &[&str], body: Option<&str>) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for line in lines.iter().map(|line| (*line).to_owned()).chain(self.cookies()) {
            head += &format!("{line}\r\n");
        }
        let body = body.unwrap_or_default();
        head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        say(self.address, head.as_bytes()).await
    }

    fn cookies(&self) -> Option<String> {
        let all: Vec<&str> = self.cookie.iter().chain(&self.familiar).map(String::as_str).collect();
        (!all.is_empty()).then(|| format!("Cookie: {}", all.join("; ")))
    }

    pub(crate) async fn is_signed_in(&self) -> bool {
        self.get("/api/me").await.status == 200
    }
}

/// The code of a refusal, and the field that it is about.
pub(crate) fn refusal(answer: &Answer) -> (u16, String, Option<String>) {
    let json = answer.json();
    (answer.status, json["code"].as_str().expect("a code").to_owned(), json["field"].as_str().map(str::to_owned))
}
