//! Tools that transcripts are written for.

use proto::etcdserverpb::StatusRequest;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use tonic::transport::Endpoint;

use crate::cluster::{Cluster, Member};
use crate::transcript::{Names, Script, Session};

use super::Program;

/// Runs the transcripts that are for clusters of this size; how many there were.
///
/// # Errors
/// All that is not as it is written; also when no transcript fits.
pub fn run_transcripts(
    tool: &Program,
    cluster: &Cluster,
    scripts: &[Script],
) -> Result<String, String> {
    let size = cluster.members().len();
    let fitting = |script: &&Script| script.members.is_none_or(|members| members == size);
    let scripts: Vec<&Script> = scripts.iter().filter(fitting).collect();
    if scripts.is_empty() {
        return Err(format!("no transcript is for {size} members"));
    }
    let failed: Vec<String> = scripts
        .iter()
        .filter_map(|script| Session::new(tool.clone(), known_names(cluster)).run(script).err())
        .collect();
    match failed.is_empty() {
        true => Ok(format!("{} transcripts", scripts.len())),
        false => Err(failed.join("\n")),
    }
}

/// Without a scheme, as tools print it.
fn address(member: &Member) -> String {
    member.client_url().replace("http://", "")
}

/// What transcripts may name: addresses, who leads, and a folder for files.
#[must_use]
pub fn known_names(cluster: &Cluster) -> Names {
    let members = cluster.members();
    let all: Vec<String> = members.iter().map(address).collect();
    let mut names = Names::from([
        ("endpoint".to_owned(), all[0].clone()),
        ("endpoints".to_owned(), all.join(",")),
    ]);
    if let Some(folder) = members[0].data_dir.parent() {
        names.insert("folder".to_owned(), folder.display().to_string());
    }
    for member in members {
        let (id, leader) = status(&member.client_url());
        if id == leader {
            names.insert("leader".to_owned(), address(member));
        } else {
            names.insert("follower".to_owned(), address(member));
            names.insert("follower_id".to_owned(), format!("{id:x}"));
        }
    }
    names
}

/// The ids of a member and of the leader that it knows.
fn status(url: &str) -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.expect("a runtime").block_on(async {
        let channel = Endpoint::from_shared(url.to_owned()).expect("a URL").connect().await;
        let mut client = MaintenanceClient::new(channel.expect("the member serves"));
        client.status(StatusRequest {}).await.expect("the member answers").into_inner()
    });
    (answer.header.map_or(0, |header| header.member_id), answer.leader)
}
