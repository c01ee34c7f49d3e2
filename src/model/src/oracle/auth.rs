//! Users, roles and rights, naively: rights are worked out anew for each request from the
//! permissions as they were granted. Passwords are not modelled; every one is right.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use proto::authpb::Permission;
use proto::authpb::permission::Type;
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{InternalRaftRequest, PutRequest, RequestOp, TxnRequest};

use super::{History, lease};
use crate::Error;

/// What etcd answers to a range without an end beyond every key.
const OPEN: &[u8] = &[0];

/// All users and roles.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Auth {
    enabled: bool,
    revision: u64,
    /// Each with the names of its roles.
    users: BTreeMap<String, BTreeSet<String>>,
    passwordless: BTreeSet<String>,
    roles: BTreeMap<String, Vec<Permission>>,
}

impl Default for Auth {
    fn default() -> Auth {
        Auth {
            enabled: false,
            revision: 1,
            users: BTreeMap::new(),
            passwordless: BTreeSet::new(),
            roles: BTreeMap::new(),
        }
    }
}

type Ruled = Result<(), Error>;

/// What everybody may do as of one entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Rights(Auth);

impl Rights {
    pub(super) fn new(auth: &Auth) -> Rights {
        Rights(auth.clone())
    }

    pub(super) fn are(&self, auth: &Auth) -> bool {
        (self.0.enabled, self.0.revision) == (auth.enabled, auth.revision)
    }

    /// Whether a user, or nobody, may read all of a range.
    #[must_use]
    pub fn may_read(&self, user: Option<&str>, key: &[u8], end: &[u8]) -> bool {
        let who = user.map_or(("", 0), |user| (user, self.0.revision));
        self.0.keys(who, false, key, end).is_ok()
    }
}

impl Auth {
    fn who(request: &InternalRaftRequest) -> (&str, u64) {
        request.header.as_ref().map_or(("", 0), |h| (h.username.as_str(), h.auth_revision))
    }

    fn is_root(&self, user: &str) -> bool {
        self.users.get(user).is_some_and(|roles| roles.contains("root"))
    }

    fn admin(&self, user: &str) -> Ruled {
        match self.users.contains_key(user) {
            _ if !self.enabled => Ok(()),
            _ if user.is_empty() => Err(Error::UserEmpty),
            false => Err(Error::UserNotFound),
            true if self.is_root(user) => Ok(()),
            true => Err(Error::PermissionDenied),
        }
    }

    /// Whether the granted ranges cover a range, one step from grant to grant at a time.
    fn covers(grants: &[&Permission], key: &[u8], end: &[u8]) -> bool {
        if !end.is_empty() && end != OPEN && key >= end {
            // No key is asked for; as in etcd a grant must be around the first bound all the same.
            return grants.iter().any(|grant| match &grant.range_end[..] {
                OPEN => grant.key[..] <= *key,
                b"" => grant.key[..] == *key,
                stop => grant.key[..] <= *key && key < stop,
            });
        }
        let successor = [key, &[0]].concat();
        let end = if end.is_empty() { &successor[..] } else { end };
        let mut reached = key.to_vec();
        loop {
            if end != OPEN && &reached[..] >= end {
                return true;
            }
            let mut next: Option<Vec<u8>> = None;
            for grant in grants.iter().filter(|grant| grant.key[..] <= reached[..]) {
                let stop = match &grant.range_end[..] {
                    OPEN => return true,
                    b"" => [&grant.key[..], &[0]].concat(),
                    stop => stop.to_vec(),
                };
                if stop > reached && next.as_ref().is_none_or(|next| stop > *next) {
                    next = Some(stop);
                }
            }
            match next {
                Some(next) => reached = next,
                None => return false,
            }
        }
    }

    fn keys(&self, (user, revision): (&str, u64), write: bool, key: &[u8], end: &[u8]) -> Ruled {
        if !self.enabled {
            return Ok(());
        }
        if revision == 0 {
            return Err(Error::UserEmpty);
        }
        if revision < self.revision {
            return Err(Error::AuthOldRevision);
        }
        let roles = self.users.get(user).ok_or(Error::PermissionDenied)?;
        let held = roles.iter().filter_map(|role| self.roles.get(role)).flatten();
        let wanted = if write { Type::Write } else { Type::Read };
        let grants: Vec<&Permission> = held
            .filter(|p| p.perm_type == wanted as i32 || p.perm_type == Type::Readwrite as i32)
            .collect();
        match self.is_root(user) || Auth::covers(&grants, key, end) {
            true => Ok(()),
            false => Err(Error::PermissionDenied),
        }
    }

    fn lease_keys(&self, who: (&str, u64), history: &History, lease: i64) -> Ruled {
        if lease == 0 || self.admin(who.0).is_ok() {
            return Ok(());
        }
        let attached = lease::attached(history, lease);
        attached.iter().try_for_each(|key| self.keys(who, true, key, &[]))
    }

    fn put(&self, who: (&str, u64), history: &History, put: &PutRequest) -> Ruled {
        self.keys(who, true, &put.key, &[])?;
        self.lease_keys(who, history, put.lease)?;
        if put.prev_kv { self.keys(who, false, &put.key, &[]) } else { Ok(()) }
    }

    fn txn(&self, who: (&str, u64), history: &History, txn: &TxnRequest) -> Ruled {
        for compare in &txn.compare {
            self.keys(who, false, &compare.key, &compare.range_end)?;
        }
        let mut ops = txn.success.iter().chain(&txn.failure);
        ops.try_for_each(|op: &RequestOp| match &op.request {
            None => Ok(()),
            Some(Request::RequestRange(r)) => self.keys(who, false, &r.key, &r.range_end),
            Some(Request::RequestPut(put)) => self.put(who, history, put),
            Some(Request::RequestDeleteRange(r)) => {
                self.keys(who, true, &r.key, &r.range_end)?;
                if r.prev_kv { self.keys(who, false, &r.key, &r.range_end) } else { Ok(()) }
            }
            Some(Request::RequestTxn(nested)) => self.txn(who, history, nested),
        })
    }

    /// Whether whoever proposed an entry may do what it says with keys.
    pub(super) fn permits(&self, history: &History, request: &InternalRaftRequest) -> Ruled {
        let who = Auth::who(request);
        if let Some(r) = &request.range {
            return self.keys(who, false, &r.key, &r.range_end);
        }
        if let Some(put) = &request.put {
            return self.put(who, history, put);
        }
        if let Some(r) = &request.delete_range {
            self.keys(who, true, &r.key, &r.range_end)?;
            return if r.prev_kv { self.keys(who, false, &r.key, &r.range_end) } else { Ok(()) };
        }
        if let Some(txn) = &request.txn {
            return self.txn(who, history, txn);
        }
        match &request.lease_revoke {
            Some(revoke) => self.lease_keys(who, history, revoke.id),
            None => Ok(()),
        }
    }

    /// Rules on a request about users and roles; `None` for any other.
    pub(super) fn apply(&mut self, request: &InternalRaftRequest) -> Option<Ruled> {
        let (user, _) = Auth::who(request);
        if request.auth_status.is_some() {
            return Some(Ok(()));
        }
        if let Some(r) = &request.authenticate {
            let known = self.users.contains_key(&r.name) && !self.passwordless.contains(&r.name);
            return Some(match self.enabled {
                false => Err(Error::AuthNotEnabled),
                true if known => Ok(()),
                true => Err(Error::AuthFailed),
            });
        }
        if let Some(r) = &request.auth_user_get {
            let permitted = if r.name == user { Ok(()) } else { self.admin(user) };
            let exists = self.users.contains_key(&r.name);
            let found = if exists { Ok(()) } else { Err(Error::UserNotFound) };
            return Some(permitted.and(found));
        }
        if let Some(r) = &request.auth_role_get {
            let has = self.users.get(user).is_some_and(|roles| roles.contains(&r.role));
            let permitted = if has { Ok(()) } else { self.admin(user) };
            return Some(permitted.and(self.role(&r.role).map(|_| ())));
        }
        let changed = self.change(request)?;
        let denied = self.admin(user);
        Some(denied.and(changed).map(|after| *self = after))
    }

    fn role(&self, name: &str) -> Result<&Vec<Permission>, Error> {
        self.roles.get(name).ok_or(Error::RoleNotFound)
    }

    /// The state after a change, or why there is none; `None` for what changes nothing here.
    fn change(&self, request: &InternalRaftRequest) -> Option<Result<Auth, Error>> {
        let mut next = self.clone();
        next.revision += 1;
        let unchanged = || Ok(self.clone());
        Some(if request.auth_user_list.is_some() || request.auth_role_list.is_some() {
            unchanged()
        } else if request.auth_enable.is_some() {
            next.revision = self.revision;
            next.enabled = true;
            match self.users.contains_key("root") {
                _ if self.enabled => unchanged(),
                false => Err(Error::RootUserNotExist),
                true if self.is_root("root") => Ok(next),
                true => Err(Error::RootRoleNotExist),
            }
        } else if request.auth_disable.is_some() {
            next.enabled = false;
            if self.enabled { Ok(next) } else { unchanged() }
        } else {
            return self.change_users(request, &mut next).map(|ruled| ruled.map(|()| next));
        })
    }

    fn change_users(&self, request: &InternalRaftRequest, next: &mut Auth) -> Option<Ruled> {
        if let Some(r) = &request.auth_user_add {
            if r.options.as_ref().is_some_and(|options| options.no_password) {
                next.passwordless.insert(r.name.clone());
            }
            next.users.insert(r.name.clone(), BTreeSet::new());
            return Some(match self.users.contains_key(&r.name) {
                _ if r.name.is_empty() => Err(Error::UserEmpty),
                true => Err(Error::UserAlreadyExist),
                false => Ok(()),
            });
        }
        if let Some(r) = &request.auth_user_delete {
            next.passwordless.remove(&r.name);
            let existed = next.users.remove(&r.name).is_some();
            return Some(match existed {
                _ if self.enabled && r.name == "root" => Err(Error::InvalidAuthMgmt),
                true => Ok(()),
                false => Err(Error::UserNotFound),
            });
        }
        if let Some(r) = &request.auth_user_change_password {
            let exists = self.users.contains_key(&r.name);
            return Some(if exists { Ok(()) } else { Err(Error::UserNotFound) });
        }
        if let Some(r) = &request.auth_user_grant_role {
            let Some(roles) = next.users.get_mut(&r.user) else {
                return Some(Err(Error::UserNotFound));
            };
            if r.role != "root" && !self.roles.contains_key(&r.role) {
                return Some(Err(Error::RoleNotFound));
            }
            if !roles.insert(r.role.clone()) {
                next.revision = self.revision;
            }
            return Some(Ok(()));
        }
        if let Some(r) = &request.auth_user_revoke_role {
            if self.enabled && r.name == "root" && r.role == "root" {
                return Some(Err(Error::InvalidAuthMgmt));
            }
            let Some(roles) = next.users.get_mut(&r.name) else {
                return Some(Err(Error::UserNotFound));
            };
            let held = roles.remove(&r.role);
            return Some(if held { Ok(()) } else { Err(Error::RoleNotGranted) });
        }
        self.change_roles(request, next)
    }

    fn change_roles(&self, request: &InternalRaftRequest, next: &mut Auth) -> Option<Ruled> {
        if let Some(r) = &request.auth_role_add {
            next.roles.insert(r.name.clone(), Vec::new());
            return Some(match self.roles.contains_key(&r.name) {
                _ if r.name.is_empty() => Err(Error::RoleEmpty),
                true => Err(Error::RoleAlreadyExist),
                false => Ok(()),
            });
        }
        if let Some(r) = &request.auth_role_delete {
            for roles in next.users.values_mut() {
                roles.remove(&r.role);
            }
            return Some(match next.roles.remove(&r.role) {
                _ if self.enabled && r.role == "root" => Err(Error::InvalidAuthMgmt),
                Some(_) => Ok(()),
                None => Err(Error::RoleNotFound),
            });
        }
        if let Some(r) = &request.auth_role_grant_permission {
            let Some(wanted) = &r.perm else { return Some(Err(Error::PermissionNotGiven)) };
            let is_open = wanted.range_end.is_empty() || wanted.range_end[..] == *OPEN;
            if wanted.key.is_empty() || !(is_open || wanted.key < wanted.range_end) {
                return Some(Err(Error::InvalidAuthMgmt));
            }
            let Some(held) = next.roles.get_mut(&r.name) else {
                return Some(Err(Error::RoleNotFound));
            };
            let first = held.iter_mut().find(|p| p.key == wanted.key);
            match first.filter(|p| p.range_end == wanted.range_end) {
                Some(same) => same.perm_type = wanted.perm_type,
                None => {
                    held.push(wanted.clone());
                    held.sort_by(|a, b| a.key.cmp(&b.key));
                }
            }
            return Some(Ok(()));
        }
        let r = request.auth_role_revoke_permission.as_ref()?;
        let Some(held) = next.roles.get_mut(&r.role) else { return Some(Err(Error::RoleNotFound)) };
        let before = held.len();
        held.retain(|p| p.key != r.key || p.range_end != r.range_end);
        Some(if held.len() < before { Ok(()) } else { Err(Error::PermissionNotGranted) })
    }
}
