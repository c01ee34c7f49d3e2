//! Members and maintenance.

use etcd_client::{AlarmAction, AlarmType, Client, MemberAddOptions};

use crate::{Outcome, check};

/// Every member tells its state; all have one leader, one history, no alarm.
pub async fn maintenance(endpoints: &[String]) -> Outcome {
    let (mut leaders, mut hashes) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        let mut client = Client::connect([endpoint], None).await?;
        client.put("rs-maintenance", endpoint.as_str(), None).await?;
        let status = client.status().await?;
        let sound = status.version() == "3.7.1" && status.db_size() > 0;
        check(sound && status.errors().is_empty(), format!("status {status:?}"))?;
        leaders.push(status.leader());
        client.defragment().await?;
        let alarms = client.alarm(AlarmAction::Get, AlarmType::None, None).await?;
        check(alarms.alarms().is_empty(), "there are alarms")?;
    }
    let at = Client::connect([&endpoints[0]], None).await?.hash_kv(0).await?.hash_revision();
    for endpoint in endpoints {
        let mut client = Client::connect([endpoint], None).await?;
        client.get("rs-maintenance", None).await?;
        hashes.push(client.hash_kv(at).await?.hash());
    }
    let alike = |list: &[u64]| list.iter().all(|one| *one == list[0]);
    check(leaders[0] != 0 && alike(&leaders), format!("leaders {leaders:x?}"))?;
    let hashes: Vec<u64> = hashes.into_iter().map(u64::from).collect();
    check(alike(&hashes), format!("hashes {hashes:x?}"))
}

/// A learner that never starts comes and goes.
pub async fn members(mut client: Client, size: usize) -> Outcome {
    let before = client.member_list().await?;
    check(before.members().len() == size, format!("members {before:?}"))?;
    let learner = MemberAddOptions::new().with_is_learner();
    let added = client.member_add(["http://127.0.0.1:1"], Some(learner)).await?;
    let member = added.member().ok_or("no member was added")?;
    check(member.is_learner(), "it is no learner")?;
    let id = member.id();
    client.member_update(id, vec!["http://127.0.0.1:2".to_owned()]).await?;
    let promoted = client.member_promote(id).await;
    check(promoted.is_err(), "a learner that never started was promoted")?;
    client.member_remove(id).await?;
    let after = client.member_list().await?;
    check(after.members().len() == size, format!("members {after:?}"))
}

/// The services beside the store: a lock that is held and let go, a user who comes and goes.
pub async fn services(mut client: Client) -> Outcome {
    let key = client.lock("services", None).await?.key().to_vec();
    check(key.starts_with(b"services/"), format!("the lock's key is {key:?}"))?;
    check(client.get(key.clone(), None).await?.count() == 1, "the lock has no key")?;
    client.unlock(key.clone()).await?;
    check(client.get(key, None).await?.count() == 0, "the lock is still held")?;
    client.user_add("somebody", "secret", None).await?;
    let users = client.user_list().await?.users().to_vec();
    check(users == ["somebody"], format!("users {users:?}"))?;
    client.user_delete("somebody").await?;
    check(client.user_list().await?.users().is_empty(), "the user is still there")
}
