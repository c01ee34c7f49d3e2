//! What users were shown, against the oracle's rights.
//!
//! - Z1, Z2 of reads: a user is answered only what he could read at some entry that was applied
//!   when the call ended and not before what it had to see; he is denied only what he could not.
//! - Z4: so it is with the keys of a watch and of a lease.
//!
//! It does not verify which of the entries in that time decided, nor what a watch shows that was
//! opened with a right that ended since: as in etcd, it goes on.

use super::timeline::Timeline;
use super::{Tally, Verdict, Violation};

/// What somebody asked to see.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose row is broken if it goes wrong.
    pub check: &'static str,
    /// The user; nobody without.
    pub user: Option<&'a str>,
    /// The key, or the first one.
    pub key: &'a [u8],
    /// The end of the range.
    pub end: &'a [u8],
    /// The first index that could decide.
    pub from: u64,
}

/// Judges an answer, or a denial, that has just come.
pub fn told(timeline: &Timeline, tally: &Tally, asked: &Asked<'_>, is_shown: bool) -> Verdict {
    tally.hit(asked.check);
    let Asked { check, user, key, end, from } = *asked;
    let mut rights = timeline.rights_since(from);
    if rights.any(|rights| rights.may_read(user, key, end) == is_shown) {
        return Ok(());
    }
    let what = if is_shown { "is shown what he may not see" } else { "is denied what he may see" };
    let (key, end) = (key.escape_ascii(), end.escape_ascii());
    let last = timeline.last();
    let text = format!("{user:?} {what}: {key} to {end}, by all entries from {from} to {last}");
    Err(Violation { check, text })
}

#[cfg(test)]
mod tests {
    use model::Settings;
    use proto::authpb::Permission;
    use proto::etcdserverpb as pb;

    use super::*;
    use crate::check::testing::timeline;

    fn requests() -> Vec<pb::InternalRaftRequest> {
        let entry = pb::InternalRaftRequest::default;
        let user = |name: &str| pb::AuthUserAddRequest { name: name.into(), ..Default::default() };
        let grant = |user: &str, role: &str| pb::AuthUserGrantRoleRequest {
            user: user.into(),
            role: role.into(),
        };
        let perm = Permission { key: "a".into(), range_end: "c".into(), ..Default::default() };
        let perm = pb::AuthRoleGrantPermissionRequest { name: "r".into(), perm: Some(perm) };
        let role = pb::AuthRoleAddRequest { name: "r".into() };
        let header = pb::RequestHeader { username: "root".into(), ..Default::default() };
        let revoke = pb::AuthUserRevokeRoleRequest { name: "u".into(), role: "r".into() };
        vec![
            pb::InternalRaftRequest { auth_user_add: Some(user("root")), ..entry() },
            pb::InternalRaftRequest {
                auth_user_grant_role: Some(grant("root", "root")),
                ..entry()
            },
            pb::InternalRaftRequest { auth_user_add: Some(user("u")), ..entry() },
            pb::InternalRaftRequest { auth_role_add: Some(role), ..entry() },
            pb::InternalRaftRequest { auth_role_grant_permission: Some(perm), ..entry() },
            pb::InternalRaftRequest { auth_user_grant_role: Some(grant("u", "r")), ..entry() },
            pb::InternalRaftRequest { auth_enable: Some(Default::default()), ..entry() },
            pb::InternalRaftRequest {
                auth_user_revoke_role: Some(revoke),
                header: Some(header),
                ..entry()
            },
        ]
    }

    #[test]
    fn what_no_entry_in_force_permits_or_forbids_breaks_the_row() {
        let timeline = timeline(Settings::default(), &requests());
        let tally = Tally::default();
        let ask = |user, key: &'static str, end: &'static str, from, is_shown| {
            let (key, end) = (key.as_bytes(), end.as_bytes());
            let asked = Asked { check: "Z1", user, key, end, from };
            told(&timeline, &tally, &asked, is_shown)
        };
        let user = Some("u");
        ask(user, "a", "c", 7, true).expect("until the last entry");
        ask(user, "a", "c", 7, false).expect("from the last entry on");
        ask(user, "a", "d", 6, true).expect("everybody, before it was switched on");
        ask(None, "a", "", 7, false).expect("nobody may nothing");
        ask(Some("root"), "x", "", 8, true).expect("root may all");
        for (user, key, end, from, is_shown) in [
            (user, "a", "c", 8, true),
            (user, "a", "d", 7, true),
            (None, "a", "", 7, true),
            (Some("root"), "x", "", 0, false),
        ] {
            let broken = ask(user, key, end, from, is_shown).expect_err("never so");
            assert_eq!(broken.check, "Z1", "{user:?} {key} {from} {is_shown}");
        }
    }
}
