//! Gets a picture's bytes from a web server that somebody else has chosen.

use std::time::Duration;

use signedcall::is_public_address;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::header::{ACCEPT, LOCATION};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::Url;

use super::{Reach, Request};

/// How long one server may take: a picture that comes later than this is for nobody.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a picture: a good photograph has them, and a slow line brings them in time.
const MOST_BYTES: u64 = 2 * 1024 * 1024;
/// How often a picture may be said to lie elsewhere: once for the name, once for the country, once for the size.
const MOST_REDIRECTS: usize = 3;
/// What can be decoded, so that a server that has several forms gives one of these.
const WANTED: &str = "image/webp, image/png, image/jpeg";

/// Why a picture's bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("its address is no https: URL")]
    NotHttps,
    #[error("it lies where nobody may be asked yet")]
    OutOfReach,
    #[error("it is said to lie elsewhere too often, or nowhere")]
    LostTrack,
    #[error("the server answers {0}")]
    Refused(u16),
    #[error("{0}")]
    Failed(#[from] ureq::Error),
}

/// Gets bytes over HTTPS, from public addresses unless told otherwise.
#[derive(Debug)]
pub(super) struct Fetcher {
    public: Agent,
    nearby: Agent,
}

impl Fetcher {
    /// Trusts servers whose certificates lead to these roots.
    pub(super) fn new(roots: RootCerts) -> Self {
        let tls = TlsConfig::builder().root_certs(roots).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            // Each step is looked at before it is taken.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            // A proxy would look names up itself, out of sight of the check below.
            .proxy(None)
            // An open connection goes on telling its other end that this device is on.
            .max_idle_connections(0)
            .user_agent("signedcall")
            .build();
        Self {
            public: Agent::with_parts(config.clone(), DefaultConnector::new(), PublicOnly::default()),
            nearby: Agent::with_parts(config, DefaultConnector::new(), DefaultResolver::default()),
        }
    }

    /// Gets what lies at the request's address. Blocks.
    pub(super) fn fetch(&self, request: &Request) -> Result<Vec<u8>, FetchError> {
        let agent = if request.nearby { &self.nearby } else { &self.public };
        let mut url = Url::parse(&request.url).map_err(|_| FetchError::NotHttps)?;
        for _ in 0..=MOST_REDIRECTS {
            check(&url, &request.reach)?;
            let mut response = agent.get(url.as_str()).header(ACCEPT, WANTED).call()?;
            let status = response.status();
            if status.is_success() {
                return Ok(response.body_mut().with_config().limit(MOST_BYTES).read_to_vec()?);
            }
            if !status.is_redirection() {
                return Err(FetchError::Refused(status.as_u16()));
            }
            let next = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            url = next.and_then(|next| url.join(next).ok()).ok_or(FetchError::LostTrack)?;
        }
        Err(FetchError::LostTrack)
    }
}

fn check(url: &Url, reach: &Reach) -> Result<(), FetchError> {
    if url.scheme() != "https" {
        return Err(FetchError::NotHttps);
    }
    let within = match reach {
        Reach::Kept => false,
        Reach::Host(host) => url.host_str() == Some(host),
        Reach::Anywhere => true,
    };
    if within { Ok(()) } else { Err(FetchError::OutOfReach) }
}

/// Finds the addresses of a name, and of those only the public ones. What is connected to is what was looked at here.
#[derive(Debug, Default)]
struct PublicOnly(DefaultResolver);

impl Resolver for PublicOnly {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        let mut public = self.empty();
        for address in found.iter().filter(|address| is_public_address(address.ip())) {
            public.push(*address);
        }
        if public.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(public) }
    }
}
