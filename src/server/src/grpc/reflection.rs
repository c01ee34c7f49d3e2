//! `grpc.reflection.v1.ServerReflection`, and `v1alpha`, whose messages are the same: clients such
//! as grpcurl learn the API from the server. Answers and errors are those of grpc-go's server.
//!
//! etcd has no such service; it tells nothing that is not public, and changes nothing.

mod files;

use std::collections::BTreeSet;

use bytes::Bytes;
use node::Code;
use prost::Message;
use proto::grpc::reflection::v1 as pb;
use proto::grpc::reflection::v1::server_reflection_request::MessageRequest;
use proto::grpc::reflection::v1::server_reflection_response::MessageResponse;

use self::files::Files;
use super::method::Rpc;
use super::status::Status;

/// What grpc-go says of a name that it does not know.
const NOT_FOUND: &str = "proto: not found";

/// One stream of questions; a file is sent once on it, unless it is what is asked for.
#[derive(Default)]
pub(super) struct Conversation {
    sent: BTreeSet<usize>,
}

impl Conversation {
    /// Answers a question. What is not known is an answer too; only an empty question ends the
    /// stream.
    pub(super) fn answer(&mut self, request: pb::ServerReflectionRequest) -> Result<Bytes, Status> {
        let Some(question) = &request.message_request else {
            return Err(Status::new(Code::InvalidArgument, "invalid MessageRequest: <nil>"));
        };
        let response = pb::ServerReflectionResponse {
            valid_host: request.host.clone(),
            message_response: Some(self.respond(question).unwrap_or_else(not_found)),
            original_request: Some(request),
        };
        Ok(response.encode_to_vec().into())
    }

    fn respond(&mut self, question: &MessageRequest) -> Option<MessageResponse> {
        let files = Files::all();
        match question {
            MessageRequest::FileByFilename(name) => Some(self.send(files.named(name)?)),
            MessageRequest::FileContainingSymbol(name) => Some(self.send(files.with_symbol(name)?)),
            MessageRequest::FileContainingExtension(extension) => {
                let pb::ExtensionRequest { containing_type, extension_number } = extension;
                let extensions = files.extensions_of(containing_type)?;
                Some(self.send(*extensions.get(extension_number)?))
            }
            MessageRequest::AllExtensionNumbersOfType(name) => {
                let extensions = files.extensions_of(name)?;
                let numbers = pb::ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number: extensions.into_keys().collect(),
                };
                Some(MessageResponse::AllExtensionNumbersResponse(numbers))
            }
            MessageRequest::ListServices(_) => Some(services()),
        }
    }

    /// A file and those that it imports, in the order of their distance.
    fn send(&mut self, file: usize) -> MessageResponse {
        let files = Files::all();
        let mut file_descriptor_proto = Vec::new();
        for file in files.with_imports(file) {
            let is_new = self.sent.insert(file);
            if is_new || file_descriptor_proto.is_empty() {
                file_descriptor_proto.push(files.encoded(file));
            }
        }
        MessageResponse::FileDescriptorResponse(pb::FileDescriptorResponse {
            file_descriptor_proto,
        })
    }
}

fn not_found() -> MessageResponse {
    MessageResponse::ErrorResponse(pb::ErrorResponse {
        error_code: Code::NotFound as i32,
        error_message: NOT_FOUND.to_owned(),
    })
}

/// The names of all services, sorted.
fn services() -> MessageResponse {
    let names: BTreeSet<&str> = Rpc::ALL.iter().map(|rpc| rpc.method().service).collect();
    let service = names.into_iter().map(|name| pb::ServiceResponse { name: name.to_owned() });
    MessageResponse::ListServicesResponse(pb::ListServiceResponse { service: service.collect() })
}

#[cfg(test)]
mod tests;
