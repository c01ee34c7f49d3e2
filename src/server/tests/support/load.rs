//! Clients that write while a test does something to the members, and what they were told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proto::etcdserverpb::HashKvRequest;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use tokio::task::JoinHandle;

use super::Member;

/// What clients were told: key to value, and when each write was acknowledged.
#[derive(Default)]
pub struct Acknowledged {
    pub values: BTreeMap<String, String>,
    pub moments: Vec<Instant>,
}

impl Acknowledged {
    /// Every write that was acknowledged last for its key is there.
    pub async fn check(&self, url: &str) {
        let mut client = super::connect(url).await.expect("the member serves");
        for (key, value) in &self.values {
            let found = super::get(&mut client, key).await.expect("a healthy cluster reads");
            assert_eq!(found.as_deref(), Some(value.as_str()), "{key} was acknowledged");
        }
    }
}

/// Clients that write until they are told to end.
pub struct Load {
    told: Arc<Mutex<Acknowledged>>,
    ending: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(urls: &[String], clients: usize) -> Load {
        let told: Arc<Mutex<Acknowledged>> = Arc::default();
        let ending = Arc::new(AtomicBool::new(false));
        let writer = |client| write(client, urls.to_vec(), told.clone(), ending.clone());
        let writers = (0..clients).map(|client| tokio::spawn(writer(client))).collect();
        Load { told, ending, writers }
    }

    /// How many writes were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.told.lock().expect("no writer panics").moments.len()
    }

    /// Waits until this many more writes are acknowledged.
    pub async fn goes_on(&self, writes: usize) {
        let (began, until) = (Instant::now(), self.acknowledged() + writes);
        while self.acknowledged() < until {
            assert!(began.elapsed() < super::PATIENCE, "{} of {until}", self.acknowledged());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn end(self) -> Acknowledged {
        self.ending.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("no writer panics");
        }
        std::mem::take(&mut *self.told.lock().expect("no writer panics"))
    }
}

/// Writes numbered values to a key of its own until told to end, changing the member on an error.
async fn write(
    client: usize,
    urls: Vec<String>,
    told: Arc<Mutex<Acknowledged>>,
    ending: Arc<AtomicBool>,
) {
    let mut at = client;
    let mut number = 0u64;
    let mut connection = None;
    while !ending.load(Ordering::Relaxed) {
        let Some(kv) = &mut connection else {
            at += 1;
            connection = super::connect(&urls[at % urls.len()]).await.ok();
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        number += 1;
        let key = format!("client-{client}-{}", number % 50);
        let value = number.to_string();
        let put = super::put(kv, &key, &value);
        match tokio::time::timeout(Duration::from_secs(2), put).await {
            Ok(Ok(_)) => {
                let mut told = told.lock().expect("no writer panics");
                told.values.insert(key, value);
                told.moments.push(Instant::now());
            }
            // The outcome is unknown: the key may hold this value or an older one from here on.
            _ => {
                told.lock().expect("no writer panics").values.remove(&key);
                connection = None;
            }
        }
    }
}

/// The member that leads, once all that answer agree.
pub async fn leader(members: &[Member]) -> usize {
    let began = Instant::now();
    loop {
        for (at, member) in members.iter().enumerate() {
            let Some(status) = super::status(&member.client_url()).await else { continue };
            let own = status.header.map_or(0, |header| header.member_id);
            if own != 0 && status.leader == own {
                return at;
            }
        }
        assert!(began.elapsed() < super::PATIENCE, "no leader in {:?}", super::PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn hash(member: &Member, revision: i64) -> (u32, i64) {
    let channel = super::channel(&member.client_url()).await.expect("the member serves");
    let mut maintenance = MaintenanceClient::new(channel);
    let response = maintenance.hash_kv(HashKvRequest { revision }).await.expect("a hash");
    let response = response.into_inner();
    (response.hash, response.header.map_or(0, |header| header.revision))
}

/// Waits until all members have applied the same revision; then their hashes are equal.
pub async fn check_hashes(members: &[Member]) {
    let began = Instant::now();
    loop {
        let mut hashes = Vec::new();
        for member in members {
            hashes.push(hash(member, 0).await);
        }
        if hashes.windows(2).all(|pair| pair[0] == pair[1]) {
            return;
        }
        assert!(began.elapsed() < super::PATIENCE, "members differ: {hashes:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
