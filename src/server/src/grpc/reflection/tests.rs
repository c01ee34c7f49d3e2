//! Every kind of question, and what is not known.

use prost_types::FileDescriptorProto;

use super::*;

fn ask(conversation: &mut Conversation, question: MessageRequest) -> MessageResponse {
    let host = "h".to_owned();
    let request = pb::ServerReflectionRequest { host, message_request: Some(question) };
    let answer = conversation.answer(request.clone()).expect("answered");
    let answer = pb::ServerReflectionResponse::decode(answer).expect("valid");
    assert_eq!((answer.valid_host.as_str(), answer.original_request), ("h", Some(request)));
    answer.message_response.expect("a response")
}

fn files(response: MessageResponse) -> Vec<String> {
    let MessageResponse::FileDescriptorResponse(files) = response else {
        panic!("no files: {response:?}")
    };
    let name = |file: &Bytes| {
        let file = FileDescriptorProto::decode(file.clone()).expect("valid");
        file.name().to_owned()
    };
    files.file_descriptor_proto.iter().map(name).collect()
}

#[test]
fn every_route_is_a_listed_service_and_a_known_symbol() {
    let mut conversation = Conversation::default();
    let listed = ask(&mut conversation, MessageRequest::ListServices(String::new()));
    let MessageResponse::ListServicesResponse(listed) = listed else { panic!("{listed:?}") };
    let names: Vec<&str> = listed.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.is_sorted() && names.contains(&"v3lockpb.Lock"), "{names:?}");
    for rpc in Rpc::ALL {
        let method = rpc.method();
        assert!(names.contains(&method.service), "{}", method.service);
        let symbol = format!("{}.{}", method.service, method.name);
        assert!(Files::all().with_symbol(&symbol).is_some(), "{symbol}");
    }
}

#[test]
fn a_file_comes_with_its_imports_and_those_only_once() {
    let mut conversation = Conversation::default();
    let lock = || MessageRequest::FileContainingSymbol("v3lockpb.LockRequest.name".into());
    let first = files(ask(&mut conversation, lock()));
    assert_eq!(first[0], "v3lockpb/v3lock.proto");
    for import in ["etcdserverpb/rpc.proto", "mvccpb/kv.proto", "google/protobuf/descriptor.proto"]
    {
        assert_eq!(first.iter().filter(|name| *name == import).count(), 1, "{import}: {first:?}");
    }
    assert_eq!(files(ask(&mut conversation, lock())), ["v3lockpb/v3lock.proto"]);
    let by_name = MessageRequest::FileByFilename("v3electionpb/v3election.proto".into());
    assert_eq!(files(ask(&mut conversation, by_name)), ["v3electionpb/v3election.proto"]);
}

#[test]
fn options_of_other_packages_are_kept() {
    let files = Files::all();
    let lock = files.encoded(files.named("v3lockpb/v3lock.proto").expect("a file"));
    let path = b"/v3/lock/lock";
    assert!(lock.windows(path.len()).any(|window| window == path), "the HTTP binding is gone");
}

#[test]
fn extensions_are_found_by_type_and_number() {
    let mut conversation = Conversation::default();
    let options = "google.protobuf.MethodOptions";
    let all = MessageRequest::AllExtensionNumbersOfType(options.into());
    let MessageResponse::AllExtensionNumbersResponse(all) = ask(&mut conversation, all) else {
        panic!("no numbers")
    };
    assert_eq!(all.base_type_name, options);
    assert!(all.extension_number.contains(&72_295_728), "{:?}", all.extension_number);
    let http =
        pb::ExtensionRequest { containing_type: options.into(), extension_number: 72_295_728 };
    let found = ask(&mut conversation, MessageRequest::FileContainingExtension(http));
    assert_eq!(files(found)[0], "google/api/annotations.proto");
    let none = MessageRequest::AllExtensionNumbersOfType("mvccpb.KeyValue".into());
    let MessageResponse::AllExtensionNumbersResponse(none) = ask(&mut conversation, none) else {
        panic!("no numbers")
    };
    assert!(none.extension_number.is_empty());
}

#[test]
fn what_is_not_known_is_an_answer_and_no_question_is_an_error() {
    let mut conversation = Conversation::default();
    let extension =
        pb::ExtensionRequest { containing_type: "mvccpb.KeyValue".into(), extension_number: 1 };
    let questions = [
        MessageRequest::FileByFilename("none.proto".into()),
        MessageRequest::FileContainingSymbol("etcdserverpb.None".into()),
        MessageRequest::FileContainingExtension(extension),
        MessageRequest::AllExtensionNumbersOfType("etcdserverpb.None".into()),
    ];
    for question in questions {
        let MessageResponse::ErrorResponse(error) = ask(&mut conversation, question.clone()) else {
            panic!("known: {question:?}")
        };
        assert_eq!((error.error_code, error.error_message.as_str()), (5, "proto: not found"));
    }
    let empty = conversation.answer(pb::ServerReflectionRequest::default());
    let status = empty.expect_err("no question");
    assert_eq!((status.code, &status.text[..]), (3, "invalid MessageRequest: <nil>"));
}
