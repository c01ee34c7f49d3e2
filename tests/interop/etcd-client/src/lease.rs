//! Leases.

use std::time::{Duration, Instant};

use etcd_client::{Client, GetOptions, LeaseTimeToLiveOptions, PutOptions};

use crate::{Outcome, check};

/// Granted, used, asked about, revoked.
pub async fn life(mut client: Client) -> Outcome {
    let lease = client.lease_grant(600, None).await?;
    let (id, ttl) = (lease.id(), lease.ttl());
    check(id != 0 && ttl == 600, format!("granted {id} for {ttl}"))?;
    for key in ["rs-lease/a", "rs-lease/b"] {
        client.put(key, "", Some(PutOptions::new().with_lease(id))).await?;
    }
    let keys = LeaseTimeToLiveOptions::new().with_keys();
    let left = client.lease_time_to_live(id, Some(keys)).await?;
    let whole = left.granted_ttl() == 600 && left.ttl() > 590 && left.keys().len() == 2;
    check(whole, format!("left {left:?}"))?;
    let leases = client.leases().await?;
    check(leases.leases().iter().any(|lease| lease.id() == id), "it is not listed")?;
    client.lease_revoke(id).await?;
    let found = client.get("rs-lease/", Some(GetOptions::new().with_prefix())).await?;
    check(found.count() == 0, "its keys outlive it")
}

/// Kept alive beyond its time, then left alone.
pub async fn expiry(mut client: Client) -> Outcome {
    let lease = client.lease_grant(2, None).await?;
    let (id, ttl) = (lease.id(), Duration::from_secs(lease.ttl().unsigned_abs()));
    client.put("rs-short", "", Some(PutOptions::new().with_lease(id))).await?;
    let (mut keeper, mut answers) = client.lease_keep_alive(id).await?;
    let began = Instant::now();
    while began.elapsed() < 2 * ttl {
        keeper.keep_alive().await?;
        let answer = answers.message().await?.ok_or("the stream ended")?;
        check(answer.ttl() == lease.ttl(), format!("renewed for {}", answer.ttl()))?;
        tokio::time::sleep(ttl / 4).await;
    }
    let kept = client.get("rs-short", None).await?;
    check(kept.count() == 1, "a lease that is kept alive has ended")?;
    let from = kept.header().map_or(0, |header| header.revision());
    let options = etcd_client::WatchOptions::new().with_start_revision(from + 1);
    let mut stream = client.watch("rs-short", Some(options)).await?;
    loop {
        let answer = stream.message().await?.ok_or("the watch ended")?;
        if let Some(event) = answer.events().first() {
            let deleted = event.event_type() == etcd_client::EventType::Delete;
            return check(deleted, "the end of a lease is told as a put");
        }
    }
}
