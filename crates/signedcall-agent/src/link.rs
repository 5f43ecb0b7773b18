//! Links from outside: `signedcall://call/<cuid>?context=<reason>`. Anybody can write one, so it only asks, and only for what could be placed.

use signedcall::{Context, Cuid};
use url::Url;

/// The longest link that is read: every browser passes on as much.
const MOST: usize = 2_048;

/// A call that a link asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallLink {
    pub(crate) cuid: String,
    /// Why; absent where the link does not say.
    pub(crate) context: Option<String>,
}

/// Why a text is no link that could be followed. What it said is not repeated: it may be written to look like words of this app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidLink {
    #[error("it is no signedcall://call/ link")]
    NoLink,
    #[error("it names nobody who could be called")]
    Nobody,
    #[error("its reason is no reason for a call")]
    NoReason,
}

impl CallLink {
    /// Reads a link.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidLink> {
        if text.len() > MOST {
            return Err(InvalidLink::NoLink);
        }
        let url = Url::parse(text).map_err(|_| InvalidLink::NoLink)?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.port().is_none();
        if (url.scheme(), url.host_str()) != ("signedcall", Some("call")) || !is_plain {
            return Err(InvalidLink::NoLink);
        }
        let path = url.path().strip_prefix('/').ok_or(InvalidLink::Nobody)?;
        let cuid = Cuid::new(path.strip_suffix('/').unwrap_or(path)).map_err(|_| InvalidLink::Nobody)?;
        let context = url.query_pairs().find(|(name, _)| name == "context").map(|(_, value)| value.into_owned());
        let context = context.filter(|context| !context.is_empty());
        let context = context.map(|context| Context::new(context.as_str())).transpose().map_err(|_| InvalidLink::NoReason)?;
        Ok(Self { cuid: String::from(cuid), context: context.map(|context| context.as_str().to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(cuid: &str, context: Option<&str>) -> Result<CallLink, InvalidLink> {
        Ok(CallLink { cuid: cuid.to_owned(), context: context.map(str::to_owned) })
    }

    #[test]
    fn a_link_says_whom_to_call_and_may_say_why() {
        for (text, expected) in [
            ("signedcall://call/courier_8842?context=Order%204711%20question", link("courier_8842", Some("Order 4711 question"))),
            ("signedcall://call/courier_8842?context=Order+4711", link("courier_8842", Some("Order 4711"))),
            ("SIGNEDCALL://call/org_25/?from=mail&context=%D8%B7%D9%84%D8%A8", link("org_25", Some("طلب"))),
            ("signedcall://call/org_25", link("org_25", None)),
            ("signedcall://call/org_25?context=", link("org_25", None)),
        ] {
            assert_eq!(CallLink::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_link_of_this_kind_is_refused() {
        let long = format!("signedcall://call/org_25?x={}", "x".repeat(MOST));
        for text in [
            "",
            "org_25",
            "https://call/org_25",
            "signedcall:call/org_25",
            "signedcall:///org_25",
            "signedcall://answer/org_25",
            "signedcall://call.example/org_25",
            "signedcall://anna@call/org_25",
            "signedcall://call:1/org_25",
            "--hidden",
            &long,
        ] {
            assert_eq!(CallLink::parse(text), Err(InvalidLink::NoLink), "{text}");
        }
    }

    #[test]
    fn a_hostile_link_is_refused_before_anybody_reads_it() {
        for text in [
            "signedcall://call/",
            "signedcall://call",
            "signedcall://call/abc",
            "signedcall://call/../../etc/passwd",
            "signedcall://call/org_25/mute",
            "signedcall://call/org%5F25",
            "signedcall://call/org_25%00",
            "signedcall://call/%E2%80%AEorg_25",
            "signedcall://call/<script>",
        ] {
            assert_eq!(CallLink::parse(text), Err(InvalidLink::Nobody), "{text}");
        }
        for reason in
            ["%3Cb%3EHello", "two%0Alines", "%E2%80%AEesrever", "a%00b", "two%20%20spaces", "%F0%9F%8D%95", &"x".repeat(65), "%FF"]
        {
            assert_eq!(CallLink::parse(&format!("signedcall://call/org_25?context={reason}")), Err(InvalidLink::NoReason), "{reason}");
        }
    }
}
