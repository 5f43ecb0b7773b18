use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn token() -> Redacted<String> {
    Redacted::new("token".to_owned())
}

/// A plan that has shown its token to begin a session.
fn shown(now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    show(&mut plan, now);
    plan
}

fn show(plan: &mut Plan, now: Timestamp) {
    plan.begin(now);
    assert!(plan.needs_token(now));
    assert_eq!(plan.use_token(now, token()), Use::SignIn);
    assert!(!plan.needs_token(now) && plan.wake_at().is_none());
    assert_eq!(plan.show(now), Some(token()));
}

/// A session that has begun at 0 with a token that lasts ten minutes.
fn begun() -> Plan {
    let mut plan = shown(at(0));
    plan.taken(at(0), Duration::from_secs(600));
    plan.go_on();
    plan
}

#[test]
fn a_token_is_there_before_a_socket_is_opened_and_shown_once() {
    let mut plan = Plan::default();
    assert_eq!(plan.show(at(0)), None, "there is none");
    plan.begin(at(0));
    assert_eq!(plan.show(at(0)), None, "it is being fetched");
    plan.begin(at(0));
    plan.use_token(at(0), token());
    assert_eq!(plan.lose_link(at(1)), Lost::Nothing);
    assert_eq!(plan.show(at(45)), Some(token()));
    assert_eq!(plan.show(at(45)), None);
}

#[test]
fn a_token_that_has_waited_too_long_for_a_socket_is_not_shown() {
    let mut plan = Plan::default();
    plan.begin(at(0));
    plan.use_token(at(0), token());
    assert_eq!(plan.show(at(45) + Duration::from_millis(1)), None);
}

#[test]
fn another_token_is_fetched_when_a_fifth_of_the_time_is_left() {
    let mut plan = begun();
    assert_eq!(plan.wake_at(), Some(at(480)));
    assert!(!plan.needs_token(at(479)) && plan.needs_token(at(480)));
    assert_eq!(plan.use_token(at(480), token()), Use::Renew(token()));
    assert!(!plan.needs_token(at(480)));
    plan.taken(at(481), Duration::from_secs(600));
    assert_eq!(plan.wake_at(), Some(at(961)));
    plan.taken(at(500), Duration::from_millis(1));
    assert_eq!(plan.wake_at(), Some(at(501)), "at most once a second");
}

#[test]
fn after_a_sleep_another_token_is_fetched_as_soon_as_the_session_goes_on() {
    let mut plan = begun();
    assert!(plan.needs_token(at(100_000)));
    assert_eq!(plan.lose_link(at(100_000)), Lost::Nothing);
    assert!(!plan.needs_token(at(100_000)) && plan.wake_at().is_none());
    plan.go_on();
    assert!(plan.needs_token(at(100_001)));
}

#[test]
fn a_token_that_is_refused_is_fetched_anew_once_where_there_was_no_session() {
    let mut plan = Plan::default();
    for again in [true, false] {
        show(&mut plan, at(0));
        assert_eq!(plan.refused(at(0), ErrorCode::ApiKeyRequired), again);
        assert_eq!(plan.lose_link(at(0)), Lost::Token);
    }
    assert!(!Plan::default().refused(at(0), ErrorCode::ApiKeyRequired), "no token was shown");
}

#[test]
fn a_line_that_was_signed_in_is_tried_for_some_minutes_with_one_token_after_the_other() {
    let mut plan = begun();
    let patience_ends = at(1_000) + REFUSED_PATIENCE;
    let nearly = Timestamp::from_millis(patience_ends.as_millis() - 1);
    for (now, again) in [(at(1_000), true), (at(1_001), true), (nearly, true), (patience_ends, false)] {
        show(&mut plan, now);
        assert_eq!(plan.refused(now, ErrorCode::ApiKeyRequired), again, "{now:?}");
        assert_eq!(plan.lose_link(now), Lost::Token);
    }
    show(&mut plan, patience_ends);
    plan.go_on();
    show(&mut plan, at(5_000));
    assert!(plan.refused(at(5_000), ErrorCode::ApiKeyRequired), "the service had taken one meanwhile");
    assert!(!plan.refused(at(5_000), ErrorCode::ContactRegistrationFailed), "another token would not help");
}

#[test]
fn a_renewal_that_was_refused_leaves_the_next_session_all_its_tries() {
    let mut plan = begun();
    let _renew = plan.use_token(at(480), token());
    plan.not_renewed(at(481));
    show(&mut plan, at(1_000));
    assert!(plan.refused(at(1_000), ErrorCode::ApiKeyRequired));
}

#[test]
fn what_is_not_the_token_s_fault_is_not_tried_again() {
    assert!(!shown(at(0)).refused(at(0), ErrorCode::ProductionFieldRequired));
}

#[test]
fn a_socket_that_is_lost_before_the_session_has_begun_takes_its_token_along() {
    assert_eq!(shown(at(0)).lose_link(at(1)), Lost::Token);
    assert_eq!(begun().lose_link(at(1)), Lost::Nothing);
    let mut without_end = shown(at(0));
    without_end.go_on();
    assert_eq!(without_end.lose_link(at(1)), Lost::Nothing, "nobody has said when its token expires");
}

#[test]
fn a_renewal_that_is_refused_is_tried_once_more_and_then_left_to_the_next_session() {
    let mut plan = begun();
    let _renew = plan.use_token(at(480), token());
    plan.not_renewed(at(481));
    assert!(plan.needs_token(at(481)));
    let _renew = plan.use_token(at(481), token());
    plan.not_renewed(at(482));
    assert_eq!(plan.wake_at(), None);
    plan.begin(at(600));
    assert!(plan.needs_token(at(600)));
}

#[test]
fn a_renewal_that_the_service_cannot_verify_now_is_done_later_and_costs_no_try() {
    let mut plan = begun();
    for second in [481, 490, 500] {
        let _renew = plan.use_token(at(second), token());
        plan.renew_later(at(second + 5));
        assert!(!plan.needs_token(at(second + 4)) && plan.needs_token(at(second + 5)));
    }
    let _renew = plan.use_token(at(505), token());
    plan.not_renewed(at(505));
    assert!(plan.needs_token(at(505)), "the first that is refused for good");
}

#[test]
fn a_renewal_that_a_socket_has_taken_along_is_done_again() {
    let mut plan = begun();
    let _renew = plan.use_token(at(480), token());
    plan.lose_link(at(481));
    assert!(!plan.needs_token(at(482)));
    plan.go_on();
    assert!(plan.needs_token(at(482)));
    let mut plan = begun();
    plan.lose_link(at(1));
    plan.go_on();
    assert_eq!(plan.wake_at(), Some(at(480)), "nothing was under way");
}

#[test]
fn a_backend_that_fails_is_asked_again_later_or_as_soon_as_the_network_is_another() {
    let mut plan = Plan::default();
    plan.begin(at(0));
    plan.go_without(at(7));
    assert!(!plan.needs_token(at(6)) && plan.needs_token(at(7)));
    plan.hurry(at(3));
    assert!(plan.needs_token(at(3)));
    let mut plan = begun();
    plan.go_without(at(482));
    assert!(!plan.needs_token(at(481)) && plan.needs_token(at(482)));
}

#[test]
fn waits_double_up_to_half_a_minute_and_no_two_devices_wait_alike() {
    let mut tokens = Tokens::of(UserTokens::new(pending));
    for most in [2, 4, 8, 16, 30, 30] {
        let wait = tokens.next_wait();
        assert!(wait >= Duration::from_secs(most) / 2 && wait < Duration::from_secs(most), "{wait:?}");
    }
    tokens.reset_waits();
    assert!(tokens.next_wait() < FIRST_WAIT);
}

#[tokio::test]
async fn a_fetch_that_has_begun_in_another_network_is_begun_anew() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let mut tokens = Tokens::of(UserTokens::new(move || {
        let earlier = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // What was asked before the network changed is never answered.
        async move { if earlier == 0 { pending().await } else { Ok(token()) } }
    }));
    tokens.change(at(0), |plan| plan.begin(at(0)));
    while asked.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    tokens.start_anew(at(1));
    assert_eq!(tokens.next().await, Ok(token()));
}

#[test]
fn a_token_that_comes_after_the_socket_was_lost_is_not_shown() {
    let mut plan = begun();
    plan.lose_link(at(1));
    assert_eq!(plan.use_token(at(1), token()), Use::Nothing);
}
