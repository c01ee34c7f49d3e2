//! What the answers of peers mean, without a network.

use super::*;

fn urls(count: usize) -> Vec<String> {
    (1..=count).map(|at| format!("http://m{at}:2380")).collect()
}

fn members(cluster: u64, ids: &[u64]) -> Answer {
    let member = |&id: &u64| Member { id, ..Member::default() };
    let members = ids.iter().map(member).collect();
    Ok((ClusterId(cluster), PeerResponse::Members(members)))
}

fn version(cluster: &str) -> Answer {
    let server = "3.7.1".to_string();
    Ok((ClusterId(7), PeerResponse::Version { server, cluster: cluster.into(), is_cairn: true }))
}

fn silent() -> Answer {
    Err(CallError::Unreachable("connection refused".into()))
}

#[test]
fn lists_of_one_cluster_are_taken_and_silence_is_told() {
    let told = member_lists(&urls(3), vec![silent(), members(7, &[1, 2]), members(7, &[1])]);
    assert_eq!(told.map(|told| told.len()), Ok(2));
    let none = member_lists(&urls(2), vec![silent(), members(7, &[])]).map(|told| told.len());
    let text = none.expect_err("nobody told a list").to_string();
    for part in ["http://m1:2380: peer is unreachable", "http://m2:2380 knows no members yet"] {
        assert!(text.contains(part), "{text}");
    }
    let two = member_lists(&urls(2), vec![members(7, &[1]), members(8, &[1])]);
    assert!(matches!(two, Err(JoinError::Clusters(_))));
}

#[test]
fn a_cluster_version_outside_of_what_this_server_knows_is_refused() {
    let check = |answers: Vec<Answer>| check_versions(&urls(answers.len()), answers);
    assert_eq!(check(vec![silent(), version("not_decided"), version("3.6.0")]), Ok(()));
    for cluster in ["3.8.0", "2.3.0", "4.0.0"] {
        let refused = check(vec![version("3.7.0"), version(cluster)]).expect_err(cluster);
        assert!(refused.to_string().contains(&format!("has version {cluster}")), "{refused}");
    }
    let undecided = check(vec![version("not_decided"), silent()]).expect_err("nobody knows");
    assert!(undecided.to_string().contains("the cluster version is not_decided"), "{undecided}");
}

#[test]
fn who_has_published_itself_had_data() {
    let unstarted = Member { id: 5, peer_urls: urls(1), ..Member::default() };
    assert!(!had_data(&unstarted, MemberId(5)));
    let started = Member { name: "m1".into(), ..unstarted };
    assert!(had_data(&started, MemberId(5)) && !had_data(&started, MemberId(6)));
}
