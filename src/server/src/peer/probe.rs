//! Round trips to each peer, for the metric that operators watch.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Empty;
use tokio::time::{Instant, timeout};

use super::dial::{Connection, cause, whole};
use super::remote::Remote;

/// Below the five seconds after which idle connections are closed.
const INTERVAL: Duration = Duration::from_secs(4);

/// Probes for as long as the peer is a member.
pub(super) async fn probe_forever(remote: Arc<Remote>) {
    let mut connection = None;
    for attempt in 0_usize.. {
        tokio::time::sleep(INTERVAL).await;
        let probed = timeout(INTERVAL, probe(&remote, &mut connection, attempt)).await;
        if let Ok(Ok(took)) = probed {
            let peer = remote.id.to_string();
            let metrics = &remote.shared.metrics.peers;
            metrics.round_trip.with_label_values(&[&peer]).observe(took.as_secs_f64());
        } else {
            connection = None;
        }
    }
}

async fn probe(
    remote: &Remote,
    kept: &mut Option<Connection<Empty<Bytes>>>,
    attempt: usize,
) -> Result<Duration, String> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => {
            let url = remote.url(attempt).ok_or("no peer URL is known")?;
            Connection::open(&remote.shared, &url).await.map_err(|error| error.to_string())?
        }
    };
    let request = remote.shared.request("GET", "/raft/probing", Empty::new());
    let began = Instant::now();
    let response = connection.exchange(request).await.map_err(|error| cause(&error))?;
    whole(response.into_body()).await?;
    *kept = Some(connection);
    Ok(began.elapsed())
}

/// The answer to a probe, with the time as Go writes it.
pub(super) fn answer() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{{\"OK\":true,\"Now\":\"{}\"}}\n", rfc3339(since))
}

/// UTC with nanoseconds; the date by counting days in eras of 400 years.
fn rfc3339(since: Duration) -> String {
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days since the first of March of year zero.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let leaps = day_of_era / 1460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let nanos = since.subsec_nanos();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::rfc3339;

    #[test]
    fn dates_are_right_around_leap_days() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000000000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000000000Z"),
        ];
        for (seconds, text) in cases {
            assert_eq!(rfc3339(Duration::from_secs(seconds)), text);
        }
    }
}
