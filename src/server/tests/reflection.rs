//! Server reflection, asked by tonic's client under both names.

mod support;

use prost::Message;
use proto::grpc::reflection::{v1, v1alpha};
use tokio_stream::StreamExt;
use tonic::transport::Channel;

macro_rules! asks {
    ($name:ident, $package:ident) => {
        /// The services, then the files of one of them.
        async fn $name(channel: Channel) -> (Vec<String>, Vec<String>) {
            use $package::server_reflection_client::ServerReflectionClient;
            use $package::server_reflection_request::MessageRequest;
            use $package::server_reflection_response::MessageResponse;
            let ask = |question| $package::ServerReflectionRequest {
                host: String::new(),
                message_request: Some(question),
            };
            let questions = [
                ask(MessageRequest::ListServices(String::new())),
                ask(MessageRequest::FileContainingSymbol("etcdserverpb.KV".into())),
            ];
            let mut client = ServerReflectionClient::new(channel);
            let call = client.server_reflection_info(tokio_stream::iter(questions)).await;
            let mut answers = call.expect("it answers").into_inner();
            let mut next = async || {
                let answer = answers.next().await.expect("an answer").expect("no error");
                answer.message_response.expect("a response")
            };
            let MessageResponse::ListServicesResponse(services) = next().await else {
                panic!("no services")
            };
            let MessageResponse::FileDescriptorResponse(files) = next().await else {
                panic!("no files")
            };
            assert!(answers.next().await.is_none(), "the stream ends with the questions");
            let name = |file: &bytes::Bytes| {
                prost_types::FileDescriptorProto::decode(file.clone()).expect("valid").name().into()
            };
            (
                services.service.into_iter().map(|service| service.name).collect(),
                files.file_descriptor_proto.iter().map(name).collect(),
            )
        }
    };
}

asks!(ask, v1);
asks!(ask_as_before, v1alpha);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_the_api_from_the_server() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let mut process = member.start();
    process.ready().await;
    let channel = support::channel(&member.client_url()).await.expect("it serves");
    let (services, files) = ask(channel.clone()).await;
    for service in ["etcdserverpb.KV", "v3lockpb.Lock", "grpc.reflection.v1.ServerReflection"] {
        assert!(services.iter().any(|name| name == service), "{service}: {services:?}");
    }
    assert_eq!(files[0], "etcdserverpb/rpc.proto");
    assert!(files.iter().any(|name| name == "mvccpb/kv.proto"), "{files:?}");
    assert_eq!(ask_as_before(channel).await, (services, files));
}
