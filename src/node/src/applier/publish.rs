//! The view that readers load: one cheap handle per applied batch, carrying one applied entry and
//! the state at it (BK8). Readers never wait for the applier, and it never waits for them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base::{Index, MemberId};
use mvcc::{Backend, View};
use proto::etcdserverpb::AlarmMember;
use state::{Auth, Downgrade, Machine, Member};

use crate::env::Env;

type Snapshot<E> = <<E as Env>::Backend as Backend>::Snapshot;

/// The state after one applied entry.
pub struct Published<E: Env> {
    /// The entry.
    pub applied: Index,
    /// The keys.
    pub keys: View<Snapshot<E>>,
    /// What changes rarely.
    pub rest: Arc<Rest>,
}

/// The parts of the state that change rarely, shared by many views.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rest {
    /// All members, by id.
    pub members: Vec<Member>,
    /// Members that were removed for ever.
    pub removed: Vec<MemberId>,
    /// Active alarms.
    pub alarms: Vec<AlarmMember>,
    /// `X.Y.0`, or empty.
    pub cluster_version: String,
    /// The downgrade that is under way, if one is.
    pub downgrade: Downgrade,
    /// Users and roles.
    pub auth: Arc<Auth>,
}

impl Rest {
    fn of<B: Backend>(machine: &Machine<B>) -> Rest {
        Rest {
            members: machine.members().iter().cloned().collect(),
            removed: machine.members().removed().collect(),
            alarms: machine.alarms().list(0),
            cluster_version: machine.cluster_version().to_string(),
            downgrade: machine.downgrade().cloned().unwrap_or_default(),
            auth: machine.auth().clone(),
        }
    }
}

/// Where the applier publishes and readers load.
pub struct Views<E: Env> {
    current: ArcSwap<Published<E>>,
}

impl<E: Env> Views<E> {
    /// The first view, of a recovered machine.
    pub fn new(machine: &mut Machine<E::Backend>) -> Views<E> {
        let rest = Arc::new(Rest::of(machine));
        Views { current: ArcSwap::from_pointee(Self::of(machine, rest)) }
    }

    fn of(machine: &mut Machine<E::Backend>, rest: Arc<Rest>) -> Published<E> {
        let (applied, _) = machine.applied();
        Published { applied, keys: machine.store_mut().view(), rest }
    }

    /// Replaces the view; `rest_changed` says whether members, alarms, users, roles or
    /// version differ.
    pub fn publish(&self, machine: &mut Machine<E::Backend>, rest_changed: bool) {
        let rest = match rest_changed {
            true => Arc::new(Rest::of(machine)),
            false => self.current.load().rest.clone(),
        };
        self.current.store(Arc::new(Self::of(machine, rest)));
    }

    /// Looks at the current view for a moment, without keeping it.
    pub fn peek<T>(&self, look: impl FnOnce(&Published<E>) -> T) -> T {
        look(&self.current.load())
    }

    /// The current view.
    #[must_use]
    pub fn load(&self) -> Arc<Published<E>> {
        self.current.load_full()
    }
}
