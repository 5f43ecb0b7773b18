//! What a webhook is told.

use serde::Serialize;
use signedcall_wire::{EndReason, VoiceReport};

use super::CallEvent;
use crate::store::CallFacts;

/// What an event of a call is called: the same each time that it is sent, so that a receiver knows what it has already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) call: String,
    pub(crate) event: CallEvent,
}

impl EventId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (call, event) = text.split_once(':')?;
        Some(Self { call: call.to_owned(), event: CallEvent::named(event)? })
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.call, self.event.name())
    }
}

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    #[serde(rename = "type")]
    event: &'static str,
    /// When it happened; all times are milliseconds since 1970.
    time_ms: i64,
    call: Call<'a>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    account: &'a str,
    environment: &'a str,
    caller: &'a str,
    caller_device: &'a str,
    callee: &'a str,
    context: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leads_to: Option<&'a str>,
    placed_at_ms: i64,
    #[serde(flatten)]
    answer: Option<Answer<'a>>,
    #[serde(flatten)]
    end: Option<End>,
}

#[derive(Serialize)]
struct Answer<'a> {
    answered_by: &'a str,
    answered_at_ms: i64,
}

#[derive(Serialize)]
struct End {
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_at_ms: Option<i64>,
    ended_at_ms: i64,
    end_reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_quality: Option<VoiceReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callee_quality: Option<VoiceReport>,
}

#[derive(Serialize)]
struct Reason {
    name: &'static str,
    number: u8,
}

/// Writes down what an event says of a call: no more than was so when it happened, however much later it is sent. `None` when it has not happened.
pub(crate) fn body(event: CallEvent, call: &CallFacts) -> Option<String> {
    let answer = || Some(Answer { answered_by: call.answered_by.as_deref()?, answered_at_ms: call.answered_at_ms? });
    let end = || {
        let reason = EndReason::ALL.get(usize::from(call.end_reason?)).copied()?;
        Some(End {
            connected_at_ms: call.connected_at_ms,
            ended_at_ms: call.ended_at_ms?,
            end_reason: Reason { name: reason.name(), number: reason.number() },
            caller_quality: call.caller_report,
            callee_quality: call.callee_report,
        })
    };
    let (time_ms, answer, end) = match event {
        CallEvent::Placed => (call.placed_at_ms, None, None),
        CallEvent::Answered => {
            let answer = answer()?;
            (answer.answered_at_ms, Some(answer), None)
        }
        CallEvent::Ended => {
            let end = end()?;
            (end.ended_at_ms, answer(), Some(end))
        }
    };
    let id = EventId { call: call.call.clone(), event }.to_string();
    let call = Call {
        id: &call.call,
        account: &call.account,
        environment: &call.environment,
        caller: &call.caller,
        caller_device: &call.caller_device,
        callee: &call.callee,
        context: &call.context,
        instead_of: call.instead_of.as_deref(),
        asked_by: call.by_company.then_some("company"),
        leads_to: call.leads_to.as_deref(),
        placed_at_ms: call.placed_at_ms,
        answer,
        end,
    };
    serde_json::to_string(&Body { id, event: event.name(), time_ms, call }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> CallFacts {
        let text = str::to_owned;
        CallFacts {
            call: text("3b0c"),
            account: text("acme"),
            environment: text("production"),
            caller: text("courier_1"),
            caller_device: text("d1"),
            callee: text("customer_1"),
            context: text("Your order"),
            instead_of: None,
            by_company: false,
            leads_to: None,
            placed_at_ms: 1_000,
            answered_by: Some(text("d2")),
            answered_at_ms: Some(4_000),
            connected_at_ms: Some(4_100),
            ended_at_ms: Some(9_000),
            end_reason: Some(1),
            caller_report: None,
            callee_report: Some(VoiceReport { seconds: 5, mos: 430, worst_mos: 420, ..VoiceReport::default() }),
        }
    }

    const CALL: &str = r#""call":{"id":"3b0c","account":"acme","environment":"production","caller":"courier_1","caller_device":"d1","callee":"customer_1","context":"Your order","placed_at_ms":1000"#;

    #[test]
    fn an_event_says_no_more_than_was_so_when_it_happened() {
        let placed = format!(r#"{{"id":"3b0c:call.placed","type":"call.placed","time_ms":1000,{CALL}}}}}"#);
        assert_eq!(body(CallEvent::Placed, &facts()), Some(placed));
        let answered = format!(
            r#"{{"id":"3b0c:call.answered","type":"call.answered","time_ms":4000,{CALL},"answered_by":"d2","answered_at_ms":4000}}}}"#
        );
        assert_eq!(body(CallEvent::Answered, &facts()), Some(answered));
        let quality = r#"{"seconds":5,"mos":430,"worst_mos":420,"lost_per_mille":0,"burst_tenths":0,"made_up_per_mille":0,"jitter_ms":0,"wait_ms":0,"said_kbps":0}"#;
        let ended = format!(
            r#"{{"id":"3b0c:call.ended","type":"call.ended","time_ms":9000,{CALL},"answered_by":"d2","answered_at_ms":4000,"connected_at_ms":4100,"ended_at_ms":9000,"end_reason":{{"name":"CALL_OVER","number":1}},"callee_quality":{quality}}}}}"#
        );
        assert_eq!(body(CallEvent::Ended, &facts()), Some(ended));
    }

    #[test]
    fn that_the_company_has_asked_for_a_call_is_told_with_where_it_leads() {
        let placed = CallFacts { by_company: true, leads_to: Some("77c1".to_owned()), ..facts() };
        let placed = body(CallEvent::Placed, &placed).expect("it has happened");
        assert!(placed.contains(r#""context":"Your order","asked_by":"company","leads_to":"77c1","placed_at_ms":1000"#), "{placed}");
    }

    #[test]
    fn what_has_not_happened_is_not_told() {
        let placed = CallFacts { answered_by: None, answered_at_ms: None, ended_at_ms: None, end_reason: None, ..facts() };
        assert!(body(CallEvent::Placed, &placed).is_some());
        assert_eq!((body(CallEvent::Answered, &placed), body(CallEvent::Ended, &placed)), (None, None));
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = EventId { call: "3b0c".to_owned(), event: CallEvent::Ended };
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
        assert_eq!((EventId::parse("3b0c"), EventId::parse("3b0c:call.abducted")), (None, None));
    }
}
