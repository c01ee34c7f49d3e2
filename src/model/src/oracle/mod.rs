//! The naive oracle: what etcd's rules say that a request does to the state and answers.
//!
//! It shares no code with the implementation, keeps the full history in a map of vectors, and has
//! no index, no clock and no I/O. [`Oracle::apply`] is one log entry; [`Oracle::call`] is one
//! request at the API of a lone member, checks included. Not ruled here: passwords and tokens,
//! quota by size, membership beyond published attributes, and the passing of time on leases.

mod auth;
mod hash;
mod history;
mod lease;
mod range;
mod reply;
mod txn;
mod validate;
mod write;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, CompactionRequest, CompactionResponse,
    InternalRaftRequest, LeaseCheckpointRequest, LeaseCheckpointResponse, LeaseGrantRequest,
    LeaseGrantResponse, LeaseRevokeRequest, LeaseRevokeResponse, RangeRequest, RangeResponse,
    TxnRequest, TxnResponse,
};
use proto::membershippb::Attributes;
use proto::mvccpb::Event;

pub use auth::Rights;
pub use hash::{KvHash, StateHasher};
pub use history::{History, Version};
pub use lease::{Lease, TTL_MAX};
pub use reply::{Reply, Response, header};
pub use txn::{has_put, is_read_only};

use crate::Error;
use hash::KvHashes;
use lease::Leases;
use write::Write;

/// What the rules leave to configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The shortest time to live that a lease is granted, in seconds.
    pub lease_ttl_min: i64,
    /// Operations that a transaction may hold.
    pub txn_ops_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { lease_ttl_min: 2, txn_ops_max: 128 }
    }
}

/// The state of a cluster as a function of its log.
#[derive(Clone, Debug, PartialEq)]
pub struct Oracle {
    settings: Settings,
    history: History,
    hashes: KvHashes,
    leases: Leases,
    alarms: BTreeSet<(i32, u64)>,
    cluster_version: String,
    downgrade: Option<String>,
    attributes: BTreeMap<u64, Attributes>,
    auth: auth::Auth,
}

impl Default for Oracle {
    fn default() -> Oracle {
        Oracle::new(Settings::default())
    }
}

impl Oracle {
    /// The state of a new cluster: revision 1, nothing else.
    #[must_use]
    pub fn new(settings: Settings) -> Oracle {
        Oracle {
            settings,
            history: History::default(),
            hashes: KvHashes::default(),
            leases: Leases::new(settings.lease_ttl_min),
            alarms: BTreeSet::new(),
            cluster_version: String::new(),
            downgrade: None,
            attributes: BTreeMap::new(),
            auth: auth::Auth::default(),
        }
    }

    /// The current revision.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.history.revision()
    }

    /// The revision of the last compaction, -1 before the first.
    #[must_use]
    pub fn compacted(&self) -> i64 {
        self.history.compacted()
    }

    /// The full history, for checks that look at more than answers.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What everybody may do now.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights::new(&self.auth)
    }

    /// Whether these are the rights of now.
    #[must_use]
    pub fn has_rights(&self, rights: &Rights) -> bool {
        rights.are(&self.auth)
    }

    /// Applies one log entry. The same entry on the same state gives the same reply.
    pub fn apply(&mut self, request: &InternalRaftRequest) -> Reply {
        let before = self.history.revision();
        let permitted =
            self.admit(request).and_then(|()| self.auth.permits(&self.history, request));
        let response = permitted.and_then(|()| self.dispatch(request));
        let after = self.history.revision();
        let events = match after == before {
            true => Vec::new(),
            false => self.events(after, after).into_iter().map(|(_, event)| event).collect(),
        };
        assert!(after == before || after == before + 1, "one entry went {before} to {after}");
        assert!(events.is_empty() == (after == before), "{} events at {after}", events.len());
        assert!(response.is_ok() || after == before, "{response:?} changed {before} to {after}");
        Reply { response, events }
    }

    /// Answers one request as a lone member's API does: checks it, reads or applies.
    pub fn call(&mut self, request: &InternalRaftRequest) -> Reply {
        let valid = validate::validate(request, self.settings.txn_ops_max);
        let read = match (&valid, &request.range, &request.txn) {
            (Err(error), _, _) => Err(*error),
            (_, Some(range), _) => self.range(range).map(Response::Range),
            (_, _, Some(txn)) if is_read_only(txn) => self.read_txn(txn).map(Response::Txn),
            _ => return self.apply(request),
        };
        Reply { response: read, events: Vec::new() }
    }

    /// Checks a request as the API does before it proposes it.
    ///
    /// # Errors
    /// The first rule that the request breaks.
    pub fn validate(&self, request: &InternalRaftRequest) -> Result<(), Error> {
        validate::validate(request, self.settings.txn_ops_max)
    }

    /// Answers a range at the current revision.
    ///
    /// # Errors
    /// The revision asked for lies outside the history.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        range::evaluate(&self.history, self.revision(), request)
    }

    /// Answers a range as a member did whose current revision was `current`, as if nothing had
    /// been compacted: whoever judges an old answer cannot know which compactions it saw.
    ///
    /// # Errors
    /// The revision asked for lies above `current`.
    pub fn recall(&self, current: i64, request: &RangeRequest) -> Result<RangeResponse, Error> {
        assert!(current <= self.revision(), "as of {current}, which is not yet applied");
        range::recall(&self.history, current, request)
    }

    /// Answers a transaction of ranges only, without the log.
    ///
    /// # Errors
    /// A revision asked for lies outside the history.
    ///
    /// # Panics
    /// When the transaction could write.
    pub fn read_txn(&self, request: &TxnRequest) -> Result<TxnResponse, Error> {
        assert!(is_read_only(request), "a transaction that writes is no read");
        txn::run(&mut self.history.clone(), &self.leases, request)
    }

    /// The events of the revisions `from..=to`, each with its revision, in order.
    #[must_use]
    pub fn events(&self, from: i64, to: i64) -> Vec<(i64, Event)> {
        self.history.events(from, to)
    }

    /// The leases by id.
    pub fn leases(&self) -> impl Iterator<Item = (i64, Lease)> {
        self.leases.iter()
    }

    /// The keys that hang on a lease, in byte order.
    #[must_use]
    pub fn attached(&self, lease: i64) -> Vec<Bytes> {
        lease::attached(&self.history, lease)
    }

    /// The alarms, by type and member.
    #[must_use]
    pub fn alarms(&self) -> Vec<AlarmMember> {
        let member = |&(alarm, member_id): &(i32, u64)| AlarmMember { member_id, alarm };
        self.alarms.iter().map(member).collect()
    }

    /// HashKV at a revision, 0 for the current.
    ///
    /// # Errors
    /// The revision lies outside the history.
    pub fn hash_kv(&self, revision: i64) -> Result<KvHash, Error> {
        self.hashes.at(&self.history, revision)
    }

    /// A hash of everything that members must agree on after the same log.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut hasher = StateHasher::default();
        hasher.fact("revision", &[self.revision(), self.compacted()], &[]);
        for (key, version) in hash::visible(&self.history) {
            hasher.version(key, version.main, version.sub, version.kv.as_ref());
        }
        for (id, lease) in self.leases.iter() {
            hasher.fact("lease", &[id, lease.ttl, lease.remaining_ttl], &[]);
        }
        for (alarm, member) in &self.alarms {
            hasher.fact("alarm", &[i64::from(*alarm), *member as i64], &[]);
        }
        for (id, attributes) in &self.attributes {
            let urls = attributes.client_urls.iter().map(String::as_bytes);
            let parts: Vec<&[u8]> = [attributes.name.as_bytes()].into_iter().chain(urls).collect();
            hasher.fact("attributes", &[*id as i64], &parts);
        }
        hasher.fact("cluster version", &[], &[self.cluster_version.as_bytes()]);
        if let Some(target) = &self.downgrade {
            hasher.fact("downgrade", &[], &[target.as_bytes()]);
        }
        hasher.finish()
    }

    /// Checks the invariants; panics with what it found.
    pub fn check(&self) {
        self.history.check();
        for kv in self.history.scan(&[], &[0], self.revision()) {
            let known = kv.lease == 0 || self.leases.get(kv.lease).is_some();
            assert!(known, "{:?} hangs on lease {:x}, which is not there", kv.key, kv.lease);
        }
    }

    /// What alarms refuse: CORRUPT comes before NOSPACE.
    fn admit(&self, request: &InternalRaftRequest) -> Result<(), Error> {
        let raised =
            |wanted: AlarmType| self.alarms.iter().any(|(alarm, _)| *alarm == wanted as i32);
        let InternalRaftRequest { range, put, delete_range, txn, lease_grant, .. } = request;
        let grows = put.is_some() || lease_grant.is_some() || txn.as_ref().is_some_and(has_put);
        let touches = range.is_some()
            || put.is_some()
            || delete_range.is_some()
            || txn.is_some()
            || lease_grant.is_some()
            || request.compaction.is_some()
            || request.lease_revoke.is_some();
        if touches && raised(AlarmType::Corrupt) {
            return Err(Error::Corrupt);
        }
        if grows && raised(AlarmType::Nospace) {
            return Err(Error::NoSpace);
        }
        Ok(())
    }

    fn dispatch(&mut self, request: &InternalRaftRequest) -> Result<Response, Error> {
        if let Some(range) = &request.range {
            return self.range(range).map(Response::Range);
        }
        if let Some(put) = &request.put {
            self.leases.check_put(&self.history, put)?;
            let mut write = Write::begin(&mut self.history);
            let answer = write.put(put);
            write.end();
            return Ok(Response::Put(answer));
        }
        if let Some(delete) = &request.delete_range {
            let mut write = Write::begin(&mut self.history);
            let answer = write.delete_range(delete);
            write.end();
            return Ok(Response::DeleteRange(answer));
        }
        if let Some(txn) = &request.txn {
            return txn::run(&mut self.history, &self.leases, txn).map(Response::Txn);
        }
        if let Some(compaction) = &request.compaction {
            return self.compact(compaction);
        }
        self.dispatch_rest(request)
    }

    fn dispatch_rest(&mut self, request: &InternalRaftRequest) -> Result<Response, Error> {
        if let Some(grant) = &request.lease_grant {
            return self.grant(grant);
        }
        if let Some(revoke) = &request.lease_revoke {
            return self.revoke(revoke);
        }
        if let Some(checkpoint) = &request.lease_checkpoint {
            return Ok(self.checkpoint(checkpoint));
        }
        if let Some(alarm) = &request.alarm {
            return self.alarm(alarm);
        }
        if let Some(set) = &request.cluster_version_set {
            self.cluster_version.clone_from(&set.ver);
            return Ok(Response::Empty);
        }
        if let Some(set) = &request.cluster_member_attr_set {
            let attributes = set.member_attributes.clone().unwrap_or_default();
            self.attributes.insert(set.member_id, attributes);
            return Ok(Response::Empty);
        }
        if let Some(set) = &request.downgrade_info_set {
            self.downgrade = set.enabled.then(|| set.ver.clone());
            return Ok(Response::Empty);
        }
        if let Some(ruled) = self.auth.apply(request) {
            return ruled.map(|()| Response::Empty);
        }
        if request.downgrade_version_test.is_some() {
            return Ok(Response::Empty);
        }
        Err(Error::Unimplemented("the oracle has no rule for this kind of entry"))
    }

    fn compact(&mut self, request: &CompactionRequest) -> Result<Response, Error> {
        if request.revision <= self.compacted() {
            return Err(Error::Compacted);
        }
        if request.revision > self.revision() {
            return Err(Error::FutureRevision);
        }
        self.hashes.compacting(&self.history, request.revision);
        self.history.compact(request.revision);
        Ok(Response::Compaction(CompactionResponse { header: header(self.revision()) }))
    }

    fn grant(&mut self, request: &LeaseGrantRequest) -> Result<Response, Error> {
        let ttl = self.leases.grant(request)?;
        let header = header(self.revision());
        let error = String::new();
        Ok(Response::LeaseGrant(LeaseGrantResponse { header, id: request.id, ttl, error }))
    }

    fn revoke(&mut self, request: &LeaseRevokeRequest) -> Result<Response, Error> {
        self.leases.revoke(request.id)?;
        let doomed = lease::attached(&self.history, request.id);
        let mut write = Write::begin(&mut self.history);
        doomed.iter().for_each(|key| write.delete(key));
        let header = header(write.end());
        Ok(Response::LeaseRevoke(LeaseRevokeResponse { header }))
    }

    fn checkpoint(&mut self, request: &LeaseCheckpointRequest) -> Response {
        request.checkpoints.iter().for_each(|checkpoint| self.leases.checkpoint(checkpoint));
        Response::LeaseCheckpoint(LeaseCheckpointResponse { header: header(self.revision()) })
    }

    fn alarm(&mut self, request: &AlarmRequest) -> Result<Response, Error> {
        let named = (request.alarm, request.member_id);
        let all = request.alarm == AlarmType::None as i32;
        let mut alarms = self.alarms();
        match AlarmAction::try_from(request.action) {
            Ok(AlarmAction::Get) => alarms.retain(|member| all || member.alarm == request.alarm),
            Ok(AlarmAction::Activate) if all => alarms.clear(),
            Ok(action) => {
                let was_raised = self.alarms.remove(&named);
                let raises = action == AlarmAction::Activate;
                if raises {
                    self.alarms.insert(named);
                }
                let member = AlarmMember { member_id: request.member_id, alarm: request.alarm };
                alarms = if raises || was_raised { [member].into() } else { Vec::new() };
            }
            Err(_) => return Err(Error::Unimplemented("an alarm action that etcd cannot answer")),
        }
        Ok(Response::Alarm(AlarmResponse { header: header(self.revision()), alarms }))
    }
}
