//! Users, roles and permissions, and calls under them.

use proto::authpb::{Permission, UserAddOptions};
use proto::etcdserverpb as pb;

use super::Stream;
use crate::differential::step::{Action, Call};

/// What a stream of users knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Auth {
    begun: bool,
}

const USERS: [&str; 5] = ["root", "alice", "bob", "nobody", ""];
const ROLES: [&str; 5] = ["root", "reader", "writer", "none", ""];
const PASSWORDS: [&str; 4] = ["secret", "other", "", "wrong"];

fn path(name: &str) -> String {
    format!("/etcdserverpb.Auth/{name}")
}

impl Stream {
    /// A step of a stream in which users call.
    pub(super) fn as_user(&mut self) {
        if !self.auth.begun {
            self.auth.begun = true;
            return self.begin();
        }
        match self.prng.below(20) {
            0..=8 => self.call_as_user(),
            9..=11 => self.authenticate(),
            12..=14 => self.change_user(),
            15..=17 => self.change_role(),
            18 => self.ask(),
            _ => self.turn(),
        }
    }

    /// Mostly on from the start, or hardly anything would be refused.
    fn begin(&mut self) {
        self.turn_on(false);
        for name in ["root", "alice", "bob"] {
            let (name, password) = (name.to_owned(), "secret".to_owned());
            let add = pb::AuthUserAddRequest { name, password, ..Default::default() };
            self.push(Call::new(&path("UserAdd"), &add));
        }
        self.turn_on(false);
        for name in ["root", "reader", "writer"] {
            let add = pb::AuthRoleAddRequest { name: name.to_owned() };
            self.push(Call::new(&path("RoleAdd"), &add));
        }
        let grants = [("root", "root"), ("alice", "reader"), ("bob", "writer")];
        for (user, role) in grants {
            let (user, role) = (user.to_owned(), role.to_owned());
            let grant = pb::AuthUserGrantRoleRequest { user, role };
            self.push(Call::new(&path("UserGrantRole"), &grant));
        }
        for (role, perm_type) in [("reader", 0), ("writer", 2)] {
            let (key, range_end) = ("a".into(), "c".into());
            let perm = Some(Permission { perm_type, key, range_end });
            let grant = pb::AuthRoleGrantPermissionRequest { name: role.to_owned(), perm };
            self.push(Call::new(&path("RoleGrantPermission"), &grant));
        }
        self.turn_on(false);
        for name in ["root", "alice", "bob"] {
            self.log_in(name, "secret");
        }
    }

    fn turn_on(&mut self, as_root: bool) {
        let mut call = Call::new(&path("AuthEnable"), &pb::AuthEnableRequest {});
        call.user = as_root.then(|| "root".to_owned());
        self.push(call);
    }

    fn log_in(&mut self, name: &str, password: &str) {
        let (name, password) = (name.to_owned(), password.to_owned());
        let request = pb::AuthenticateRequest { name, password };
        self.push(Call::new(&path("Authenticate"), &request));
    }

    fn authenticate(&mut self) {
        let name = self.pick(&USERS);
        let password = self.pick(&["secret", "secret", "secret", "other", "", "wrong"]);
        self.log_in(name, password);
    }

    /// A user's call, or one without a user, or with a token that nobody was given.
    fn user_of(&mut self, mut call: Call) -> Call {
        match self.prng.below(12) {
            0 => {}
            1 => call.metadata.push(("token".into(), "nobody.1".into())),
            2 => call.metadata.push(("authorization".into(), "Bearer nobody.1".into())),
            3..=6 => call.user = Some("root".into()),
            7 | 8 => call.user = Some("alice".into()),
            _ => call.user = Some("bob".into()),
        }
        call
    }

    fn push_as_user(&mut self, call: Call) {
        let call = self.user_of(call);
        self.push(call);
    }

    /// What is asked without users, by a user.
    fn call_as_user(&mut self) {
        let before = self.queue.len();
        match self.prng.below(12) {
            0..=6 => self.request(),
            7 => self.range_stream(),
            8 => self.time_to_live(),
            9 => self.leases(),
            10 => self.cluster(),
            _ => self.maintenance(),
        }
        let drawn: Vec<_> = self.queue.drain(before..).collect();
        for step in drawn {
            if let Action::Call(call) = step.action {
                self.push_as_user(call);
            }
        }
    }

    fn change_user(&mut self) {
        let (name, role) = (self.pick(&USERS).to_owned(), self.pick(&ROLES).to_owned());
        let password = self.pick(&PASSWORDS).to_owned();
        // Who calls as root should be able to for a while.
        let keeps_root = name == "root" && !self.one_in(4);
        let call = match self.prng.below(6) {
            0 | 1 => {
                let no_password = self.one_in(4);
                let options = self.one_in(2).then_some(UserAddOptions { no_password });
                let hashed_password = String::new();
                let add = pb::AuthUserAddRequest { name, password, options, hashed_password };
                Call::new(&path("UserAdd"), &add)
            }
            2 if !keeps_root => Call::new(&path("UserDelete"), &pb::AuthUserDeleteRequest { name }),
            3 if !keeps_root => {
                let hashed_password = String::new();
                let change = pb::AuthUserChangePasswordRequest { name, password, hashed_password };
                Call::new(&path("UserChangePassword"), &change)
            }
            4 if !keeps_root => {
                let revoke = pb::AuthUserRevokeRoleRequest { name, role };
                Call::new(&path("UserRevokeRole"), &revoke)
            }
            _ => {
                let grant = pb::AuthUserGrantRoleRequest { user: name, role };
                Call::new(&path("UserGrantRole"), &grant)
            }
        };
        self.push_as_user(call);
    }

    fn change_role(&mut self) {
        let name = self.pick(&ROLES).to_owned();
        let key = self.generator.key_of_space();
        let range_end = self.generator.end_of(&key);
        let call = match self.prng.below(8) {
            0 | 1 => Call::new(&path("RoleAdd"), &pb::AuthRoleAddRequest { name }),
            2 => Call::new(&path("RoleDelete"), &pb::AuthRoleDeleteRequest { role: name }),
            3 => {
                let revoke = pb::AuthRoleRevokePermissionRequest { role: name, key, range_end };
                Call::new(&path("RoleRevokePermission"), &revoke)
            }
            _ => {
                let perm_type = self.pick(&[0, 1, 2]);
                let perm = Permission { perm_type, key, range_end };
                let perm = (!self.one_in(8)).then_some(perm);
                let grant = pb::AuthRoleGrantPermissionRequest { name, perm };
                Call::new(&path("RoleGrantPermission"), &grant)
            }
        };
        self.push_as_user(call);
    }

    fn ask(&mut self) {
        let (name, role) = (self.pick(&USERS).to_owned(), self.pick(&ROLES).to_owned());
        let call = match self.prng.below(5) {
            0 => Call::new(&path("UserGet"), &pb::AuthUserGetRequest { name }),
            1 => Call::new(&path("UserList"), &pb::AuthUserListRequest {}),
            2 => Call::new(&path("RoleGet"), &pb::AuthRoleGetRequest { role }),
            3 => Call::new(&path("RoleList"), &pb::AuthRoleListRequest {}),
            _ => Call::new(&path("AuthStatus"), &pb::AuthStatusRequest {}),
        };
        self.push_as_user(call);
    }

    /// Off and on again: the tokens of before are void.
    fn turn(&mut self) {
        if self.one_in(3) {
            let mut off = Call::new(&path("AuthDisable"), &pb::AuthDisableRequest {});
            off = self.user_of(off);
            self.push(off);
        }
        self.turn_on(true);
        for name in ["root", "alice", "bob"] {
            self.log_in(name, "secret");
        }
    }
}
