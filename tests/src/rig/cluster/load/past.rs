//! A month of calls that there were before the first one, written into the store, since nobody waits a month until a chart has something to show.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use signedcall_wire::{EndReason, VoiceReport};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::companies::{COMPANIES, Company};

const HOUR_MS: i64 = 3_600_000;
const DAYS: i64 = 30;
/// Pairs that have called each other.
const PAIRS: u32 = 40;
/// How busy each hour of a day (UTC) is, in percent of the busiest.
const DAY: [u32; 24] = [3, 2, 1, 1, 2, 5, 14, 38, 66, 84, 96, 100, 88, 82, 90, 94, 98, 92, 74, 52, 34, 20, 12, 6];
/// How busy each day of a week is, beginning with a Thursday, as 1970 did.
const WEEK: [u32; 7] = [96, 100, 58, 41, 88, 92, 95];
/// The day on which a network was bad, and its hours (UTC).
const BAD_DAYS_AGO: i64 = 9;
const BAD_HOURS: std::ops::Range<usize> = 15..20;
/// The last moment of an hour at which a call begins, so that the calls of the last hour are over by now.
const LAST_MS: i64 = HOUR_MS - 11 * 60_000;

/// The columns of the calls' table, each as an array.
#[derive(Debug, Default)]
struct Columns {
    ids: Vec<String>,
    callers: Vec<String>,
    callees: Vec<String>,
    contexts: Vec<String>,
    placed: Vec<i64>,
    answered: Vec<Option<i64>>,
    connected: Vec<Option<i64>>,
    ended: Vec<i64>,
    reasons: Vec<i64>,
    caller_reports: Vec<Option<String>>,
    callee_reports: Vec<Option<String>>,
}

/// Writes the month down, the same for each company each time but for the day on which it ends.
pub(super) async fn write(store: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(store, NoTls).await?;
    tokio::spawn(connection);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    for (seed, company) in COMPANIES.iter().enumerate() {
        let mut rng = StdRng::seed_from_u64(seed as u64);
        put(&client, company, &month_of(company, now, &mut rng)?).await?;
    }
    Ok(())
}

fn month_of(company: &Company, now: i64, rng: &mut StdRng) -> Result<Columns> {
    let mut columns = Columns::default();
    for hours_ago in 1..=DAYS * 24 {
        let begin = (now / HOUR_MS - hours_ago) * HOUR_MS;
        let (day, hour) = (begin / (24 * HOUR_MS), usize::try_from(begin / HOUR_MS % 24)?);
        let most = company.calls_an_hour * DAY[hour] * WEEK[usize::try_from(day % 7)?] / 10_000;
        let bad = now / (24 * HOUR_MS) - day == BAD_DAYS_AGO && BAD_HOURS.contains(&hour);
        for _ in 0..rng.random_range(most * 7 / 10..=most + 1) {
            add_call(company, begin + rng.random_range(0..LAST_MS), bad, rng, &mut columns)?;
        }
    }
    Ok(columns)
}

fn add_call(company: &Company, placed: i64, bad: bool, rng: &mut StdRng, columns: &mut Columns) -> Result<()> {
    let reason = reason(bad, rng);
    let (caller, callee) = company.pair(rng.random_range(0..PAIRS));
    let is_answered = matches!(reason, EndReason::HungUp | EndReason::RemoteNetworkLoss | EndReason::MaxDuration | EndReason::Transferred);
    let rang = if reason == EndReason::RingTimeout { 35_000 } else { rng.random_range(2_200..19_000) };
    let answered = is_answered.then_some(placed + rang);
    let slow = if bad { rng.random_range(120..900) } else { 0 };
    let connected = answered.map(|at| at + 48 + rng.random_range(0..70) + rng.random_range(0..60) + slow);
    let talked = rng.random_range(14_000..95_000) + if rng.random_ratio(1, 5) { rng.random_range(0..420_000) } else { 0 };
    let ended = connected.map_or(placed + rang, |at| at + talked);
    let mut report = || -> Result<Option<String>> {
        // A device that is lost does not report.
        let is_told = is_answered && rng.random_ratio(19, 20);
        Ok(is_told.then(|| serde_json::to_string(&report(u32::try_from(talked / 1_000).unwrap_or(1), bad, rng))).transpose()?)
    };
    columns.caller_reports.push(report()?);
    columns.callee_reports.push(report()?);
    columns.ids.push(Uuid::new_v4().to_string());
    columns.callers.push(caller);
    columns.callees.push(callee);
    columns.contexts.push(company.contexts[rng.random_range(0..company.contexts.len())].to_owned());
    columns.placed.push(placed);
    columns.answered.push(answered);
    columns.connected.push(connected);
    columns.ended.push(ended);
    columns.reasons.push(reason.number().into());
    Ok(())
}

fn reason(bad: bool, rng: &mut StdRng) -> EndReason {
    if bad && rng.random_ratio(1, 6) {
        return if rng.random_ratio(1, 3) { EndReason::MediaSetupTooSlow } else { EndReason::RemoteNetworkLoss };
    }
    // Out of a thousand.
    match rng.random_range(0..1_000) {
        0..96 => EndReason::RingTimeout,
        96..158 => EndReason::Cancelled,
        158..214 => EndReason::Declined,
        214..246 => EndReason::Busy,
        246..258 => EndReason::RemoteNetworkLoss,
        258..266 => EndReason::QuietHours,
        266..272 => EndReason::LoggedOut,
        272..277 => EndReason::MicrophoneRefused,
        277..281 => EndReason::MediaSetupTooSlow,
        281..293 => EndReason::Transferred,
        _ => EndReason::HungUp,
    }
}

/// How a side heard the other: most of them well.
pub(super) fn report(seconds: u32, bad: bool, rng: &mut impl rand::Rng) -> VoiceReport {
    // Most lose next to nothing, and a few much.
    let share: f64 = rng.random();
    let lost = share.powi(6) * 46.0 + if bad { rng.random_range(18.0..70.0) } else { 0.6 };
    let (lost, round_trip) = (lost.round() as u16, rng.random_range(18..90) + u32::from(bad) * 60);
    let mos = 438 - lost * 2 - round_trip as u16 / 6 - rng.random_range(0..9);
    VoiceReport {
        seconds: seconds.max(1),
        mos,
        worst_mos: mos - rng.random_range(6..60),
        lost_per_mille: lost,
        burst_tenths: rng.random_range(10..24),
        made_up_per_mille: lost / 4,
        jitter_ms: rng.random_range(1..12),
        wait_ms: rng.random_range(24..68),
        round_trip_ms: Some(round_trip),
        said_lost_per_mille: Some(lost),
        said_kbps: rng.random_range(28..42),
    }
}

async fn put(client: &Client, company: &Company, columns: &Columns) -> Result<()> {
    let add = "INSERT INTO calls (account, environment, caller_device, id, caller, callee, context, placed_at_ms, answered_at_ms, connected_at_ms,
                                  ended_at_ms, end_reason, caller_report, callee_report)
               SELECT $1, 'production', '', * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                                                          $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[])";
    let Columns { ids, callers, callees, contexts, placed, answered, connected, ended, reasons, caller_reports, callee_reports } = columns;
    client
        .execute(
            add,
            &[&company.id, ids, callers, callees, contexts, placed, answered, connected, ended, reasons, caller_reports, callee_reports],
        )
        .await?;
    Ok(())
}
