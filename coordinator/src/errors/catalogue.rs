//! The table of error codes: what the contracts document, by theme.
//!
//! Descriptions and the forms of details are what clients compare, so they are the contracts';
//! where a contract is at odds with itself the form that most operations have is taken.

use http::StatusCode;

macro_rules! catalogue {
    ($($theme:literal { $($(#[$doc:meta])* $name:ident = $number:literal, $status:ident, $desc:literal, $detail:literal;)* })*) => {
        /// An error code of the contracts. `{}` in a detail stands for a value at fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($($(#[$doc])* $name,)*)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$($(Self::$name),*),*];

            /// Every code by theme, in the order of the table.
            pub const THEMES: &'static [(&'static str, &'static [Self])] =
                &[$(($theme, &[$(Self::$name),*])),*];

            /// The contract's number.
            pub fn number(self) -> u32 {
                match self { $($(Self::$name => $number),*),* }
            }

            /// The HTTP status it usually comes with.
            pub fn status(self) -> StatusCode {
                match self { $($(Self::$name => StatusCode::$status),*),* }
            }

            /// The short description.
            pub fn desc(self) -> &'static str {
                match self { $($(Self::$name => $desc),*),* }
            }

            /// The detail, with `{}` for each value at fault.
            pub fn detail(self) -> &'static str {
                match self { $($(Self::$name => $detail),*),* }
            }
        }
    };
}

catalogue! {
"Service" {
    /// No error.
    Success = 0, OK, "Success", "Success";
    /// A failure of ours, in the words of the Streams contract.
    StreamsInternal = 1, INTERNAL_SERVER_ERROR, "internal server error", "internal server error";
    /// A part of the installation did not answer in time.
    Timeout = 9, GATEWAY_TIMEOUT, "Request timeout", "Request timeout";
    /// The store did not answer a health check.
    StoreTimeout = 10017, BAD_GATEWAY, "Database error", "Database connection timeout error";
    /// Filters that compare what cannot be compared.
    FilterMismatch = 10020, UNPROCESSABLE_ENTITY, "Database error", "SQL request execution failed due to incompatible user-defined filters: {}";
    /// A failure of ours.
    Internal = 11009, INTERNAL_SERVER_ERROR, "Internal server error", "Internal server error";
    /// Processing took too long.
    ProcessingTimeout = 37001, SERVICE_UNAVAILABLE, "Internal server error", "Service did not process a request within {} seconds";
    /// The client did not send its request in time.
    RequestTimeout = 37002, REQUEST_TIMEOUT, "Request timeout", "Service did not receive a complete request message within {} seconds";
    /// The body is over the limit.
    PayloadTooLarge = 37003, PAYLOAD_TOO_LARGE, "Payload too large", "Request payload is too large";
    /// A dependency is not well.
    Unhealthy = 38001, BAD_GATEWAY, "Health check error", "{}";
    /// No such path.
    PageNotFound = 12013, NOT_FOUND, "Resource not found", "Page not found";
    /// The path exists, the method does not.
    MethodNotAllowed = 12021, METHOD_NOT_ALLOWED, "Method not allowed", "Method not allowed";
    /// The operator surface is turned off.
    ResourceDisabled = 12049, FORBIDDEN, "Forbidden", "Resource is disabled.";
    /// A capability is not installed or not licensed.
    FeatureDisabled = 11055, FORBIDDEN, "Forbidden", "License problem: {} feature disabled";
    /// The tasks service is not part of this installation.
    TasksDisabled = 11039, FORBIDDEN, "Forbidden", "Luna Tasks service is disabled";
    /// The events service is not part of this installation.
    EventsDisabled = 11040, FORBIDDEN, "Forbidden", "Luna Events service is disabled";
    /// The image store takes no foreign objects in this installation.
    ImageStoreDisabled = 11070, FORBIDDEN, "Forbidden", "Luna Image Store service is disabled";
    /// The handlers service is not part of this installation.
    HandlersDisabled = 11071, FORBIDDEN, "Forbidden", "Luna Handlers service is disabled";
    /// The lambda service is not part of this installation.
    LambdaDisabled = 11072, FORBIDDEN, "Forbidden", "Luna Lambda service is disabled";
}
"Requests" {
    /// A body that should be JSON is not.
    NoJson = 12002, BAD_REQUEST, "Bad/incomplete input data", "Request does not contain json";
    /// A query parameter has a bad value.
    BadQuery = 12012, BAD_REQUEST, "Bad/incomplete input data", "Bad query parameters '{}'";
    /// A content type that the operation does not take.
    BadContentType = 12017, BAD_REQUEST, "Bad/incomplete input data", "Bad content type";
    /// A JSON body does not fit.
    BadJson = 12022, BAD_REQUEST, "Bad/incomplete input data", "Failed to validate input json. Path: '{}', message: '{}'";
    /// No representation that the client accepts, or a stored object of a kind that is not taken.
    NotAcceptable = 12024, UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", "Bad/incomplete input data";
    /// A body that should hold data is empty.
    NoData = 12030, BAD_REQUEST, "Request does not contain data", "Bad/incomplete body";
    /// A filter or target that is not known.
    BadTarget = 22016, BAD_REQUEST, "Bad/incomplete input data", "{}";
    /// A multipart body is broken or lacks what is needed.
    BadMultipart = 11049, BAD_REQUEST, "Bad/incomplete input data", "Bad multipart body: {}";
    /// A part of a multipart body has a name that means nothing here.
    PartUnknown = 12039, BAD_REQUEST, "Bad/incomplete input data", "Unknown multipart name '{}'";
    /// Two parts of a multipart body have the same name.
    PartDuplicate = 12040, BAD_REQUEST, "Bad/incomplete input data", "Duplicate multipart name '{}'";
    /// A part of a multipart body is of a kind that is not taken there.
    BadPartType = 12041, BAD_REQUEST, "Bad/incomplete input data", "Multipart with name '{}' has bad Content-Type";
    /// Base64 text is not that.
    BadBase64 = 18001, BAD_REQUEST, "Bad/incomplete input data", "Failed convert data from base64 to bytes";
}
"Accounts and tokens" {
    /// No `Authorization` header.
    AuthorizationNeeded = 12010, FORBIDDEN, "Bad/incomplete input data", "This resource needs 'Authorization' authorization headers";
    /// A header of the internal services is no UUID.
    AccountHeaderBad = 11037, BAD_REQUEST, "Bad/incomplete input data", "Luna-Account-Id header is not UUID, format: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    /// A header of the internal services is missing.
    AccountHeaderMissing = 11066, BAD_REQUEST, "Bad/incomplete input data", "Luna-Account-Id header not found";
    /// The token in use lacks a permission: which one, for what.
    PermissionDenied = 11059, FORBIDDEN, "Forbidden", "Request denied due to token restrictions, {}";
    /// The token in use is stored in a form that cannot be read.
    TokenUnreadable = 11062, FORBIDDEN, "Forbidden", "Specified token corrupted";
    /// The account may not do this.
    AccessDenied = 11064, FORBIDDEN, "Forbidden", "{}";
    /// Wrong or unreadable credentials.
    AuthorizationFailed = 11065, UNAUTHORIZED, "Authorization failed", "{}";
    /// The token in use may make events, not by this handler.
    HandlerDenied = 11067, FORBIDDEN, "Forbidden", "Request denied due to token restrictions. According to `emit_events` the handler is not whitelisted or handler is blacklisted.";
    /// The token in use may not make events.
    EventsDenied = 11068, FORBIDDEN, "Forbidden", "Request denied due to token restrictions. Events generation is not allowed";
    /// An account is not there.
    AccountNotFound = 28001, NOT_FOUND, "Object not found", "Account with id '{}' not found";
    /// Another name that the contract gives to failed authorisation; it is in a link only.
    AuthorizationFailedLink = 36002, UNAUTHORIZED, "Authorization failed", "{}";
    /// A login is taken.
    LoginTaken = 41001, CONFLICT, "Integrity error", "Account with login '{}' already exists";
    /// An account id is taken.
    AccountTaken = 41002, CONFLICT, "Integrity error", "Account with account_id '{}' already exists";
    /// A token is not there.
    TokenNotFound = 41003, NOT_FOUND, "Object not found", "Token with id '{}' not found";
    /// An administrator stays one.
    AdminTypeFixed = 41004, FORBIDDEN, "Forbidden", "Account with account_id '{}' has admin type and its type can't be changed";
    /// A token that is to be verified is none of ours, or was revoked.
    TokenUnknown = 41005, UNAUTHORIZED, "Object not found", "JWT token doesn't exist";
    /// A login and password that are to be verified are wrong.
    CredentialsWrong = 41006, UNAUTHORIZED, "Account credentials wrong", "Login and password doesn't match any user";
    /// A token that is to be verified has ended.
    TokenExpired = 41007, UNAUTHORIZED, "Account credentials wrong", "Token has been expired";
}
"Pictures, samples and objects" {
    /// An image cannot be fetched by its address: fetching is off.
    BadImageUrl = 11027, BAD_REQUEST, "External request failed", "Failed to download image by url '{}'";
    /// What an address gave is no image.
    BadImageUrlType = 11028, BAD_REQUEST, "Bad/incomplete input data", "Bad content type of image '{}'";
    /// A part of a multipart body is no image.
    BadPartContentType = 11029, BAD_REQUEST, "Bad/incomplete input data", "Bad content type of image in multipart body";
    /// A picture given as a sample is not one.
    BadSampleSize = 11030, BAD_REQUEST, "Bad/incomplete input data", "Image size is not equal to 250x250";
    /// An image is larger than can be processed, or a sample where one is expected is not.
    InvalidImageSize = 11043, BAD_REQUEST, "Bad/incomplete input data", "Bad image size for face warped image";
    /// More than one rectangle for an image.
    OneRectangle = 11045, FORBIDDEN, "Forbidden", "Only one detection rect for each image available at the moment";
    /// Several faces where one is allowed.
    ManyFaces = 11012, BAD_REQUEST, "Bad/incomplete input data", "Multiple faces found";
    /// Bytes cannot be read as an image.
    BadImage = 18002, BAD_REQUEST, "Failed convert bytes to jpg", "Bad/incomplete input data";
    /// An image that cannot be read, where a liveness check reports it beside others.
    ImageUndecodable = 32010, BAD_REQUEST, "Failed to decode image data", "File decoding error";
    /// A rectangle is not inside its image.
    BadRectangle = 100016, BAD_REQUEST, "Failed validation", "Invalid rectangle";
    /// An image of an unsupported kind.
    UnsupportedImage = 100033, BAD_REQUEST, "Unsupported image type", "Unsupported type";
    /// A stored picture is not there.
    ImageNotFound = 13003, NOT_FOUND, "Object not found", "Image with id '{}' not found";
    /// A stored object is not there.
    ObjectNotFound = 13007, NOT_FOUND, "Object not found", "Object with id '{}' not found";
    /// A sample that an event names is not there.
    SampleNotFound = 11031, NOT_FOUND, "Object not found", "Sample with id '{}' not found";
}
"Faces, lists and attributes" {
    /// A face is not there.
    FaceNotFound = 22002, NOT_FOUND, "Object not found", "Face with id '{}' not found";
    /// A list is not there.
    ListNotFound = 22003, NOT_FOUND, "Object not found", "List with id '{}' not found";
    /// Some of several lists are not there.
    ListsNotFound = 22003, BAD_REQUEST, "Object not found", "One or more lists not found";
    /// Some of several faces are not there.
    FacesNotFound = 22004, BAD_REQUEST, "Object not found", "One or more faces not found, including face with id '{}'";
    /// A temporary attribute is not there.
    AttributeNotFound = 22011, NOT_FOUND, "Object not found", "Attributes with id '{}' not found";
    /// A temporary attribute that a face shall get is not there.
    FaceAttributeNotFound = 22011, BAD_REQUEST, "Object not found", "Attribute with id '{}' not found";
    /// Another name that the contract gives to a missing face; it is in a link only.
    FaceNotFoundLink = 22022, NOT_FOUND, "Object not found", "Face with id '{}' not found";
}
"Handlers and verifiers" {
    /// A handler's policies do not fit.
    BadPolicies = 12027, BAD_REQUEST, "Bad/incomplete input data", "Failed to validate input json. Path: '{}', message: '{}'";
    /// Policies were sent to a handler that has its own.
    NotDynamic = 11027, BAD_REQUEST, "Bad/incomplete input data", "Not available to send new policies to non-dynamic handler";
    /// A handler is not there.
    HandlerNotFound = 11033, NOT_FOUND, "Object not found", "Handler with id '{}' not found";
    /// A handler without policies of its own, where some are needed.
    HandlerDynamic = 12031, BAD_REQUEST, "Bad/incomplete input data", "Handler {} is dynamic. Dynamic handler not supported";
    /// Descriptors of a version that cannot be computed.
    DescriptorVersionUnsupported = 34001, BAD_REQUEST, "Forbidden", "Descriptor version {} is not supported";
    /// Several descriptors shall become one, and they came without their pictures.
    RawAggregation = 34003, BAD_REQUEST, "Bad/incomplete input data", "Aggregation is not supported for raw descriptors";
    /// A verifier is not there.
    VerifierNotFound = 34004, NOT_FOUND, "Object not found", "Verifier with id '{}' not found";
    /// A verification without anybody to verify against.
    NoCandidates = 34006, BAD_REQUEST, "Bad/incomplete input data", "No candidates specified";
}
"Events" {
    /// The body of a request for events does not fit.
    BadEventBody = 11027, BAD_REQUEST, "Bad/incomplete input data", "Failed to validate input json. Path: '{}', message: '{}'";
    /// An event is not there.
    EventNotFound = 23001, NOT_FOUND, "Object not found", "Event with id '{}' not found";
}
"Matching and descriptors" {
    /// The reference of a matching has no descriptor.
    NoDescriptor = 11034, BAD_REQUEST, "Bad/incomplete input data", "Descriptor for attribute '{}' was not extracted";
    /// No face has that external id.
    FaceExternalIdNotFound = 11041, BAD_REQUEST, "Object not found", "No one face found with external id {}";
    /// No event has that external id.
    EventExternalIdNotFound = 11057, BAD_REQUEST, "Object not found", "No one event found with external id {}";
    /// No event has that track id.
    EventTrackNotFound = 11058, BAD_REQUEST, "Object not found", "No one event found with track id {}";
    /// A descriptor of the wrong length.
    DescriptorLength = 12034, BAD_REQUEST, "Bad/incomplete input data", "Descriptor has incorrect length {}";
    /// A descriptor file of a foreign format.
    BadXpk = 12035, BAD_REQUEST, "Bad/incomplete input data", "Failed to parse xpk file";
    /// A descriptor of an unknown version, to be stored.
    DescriptorVersionUnknown = 12036, BAD_REQUEST, "Bad/incomplete input data", "Descriptor version {} is not registered in the system";
    /// A descriptor of an unknown version, to be matched.
    MatchVersionUnknown = 12037, BAD_REQUEST, "Bad/incomplete input data", "Descriptor version {} are not registered in the system";
    /// A descriptor file without a descriptor.
    XpkEmpty = 12037, BAD_REQUEST, "Bad/incomplete input data", "XPK file does not contain descriptor";
    /// A packed descriptor that cannot be read.
    BadSdkDescriptor = 12038, BAD_REQUEST, "Bad/incomplete input data", "SDK descriptor is not valid";
}
"Tasks" {
    /// A task is not there.
    TaskNotFound = 28001, NOT_FOUND, "Object not found", "Task with id '{}' not found";
    /// An error of a task is not there.
    TaskErrorNotFound = 28002, NOT_FOUND, "Object not found", "Task error with id '{}' not found";
    /// A task found nothing to work on.
    TaskEmpty = 28010, BAD_REQUEST, "Object not found", "Objects for {} not found (empty set)";
    /// A task of a kind that has no report.
    TaskWithoutReport = 28013, BAD_REQUEST, "Bad/incomplete input data", "Tasks with type '{}' does not support a build report";
    /// A task whose outcome cannot be made a report.
    TaskNotReportable = 28015, BAD_REQUEST, "Bad/incomplete input data", "Tasks with type '{}' does not support a build report";
    /// A task's result was removed.
    TaskResultNotFound = 28017, NOT_FOUND, "Object not found", "Result of the task '{}' not found";
    /// A task has no result yet.
    TaskResultPending = 28018, NOT_FOUND, "Object not found", "task '{}' does not have result yet";
    /// A task that has ended cannot be changed any more: its id and status.
    TaskEnded = 28019, BAD_REQUEST, "Bad/incomplete input data", "Task '{}' with status {} can not canceled";
    /// A schedule is not there.
    ScheduleNotFound = 28040, NOT_FOUND, "Object not found", "Schedule with id '{}' not found'";
}
"Lambdas" {
    /// An archive lacks the file that every lambda starts from.
    LambdaIncomplete = 12048, BAD_REQUEST, "Bad/incomplete input data", "Archive file does not contain lambda.py";
    /// A lambda is not there.
    LambdaNotFound = 42001, NOT_FOUND, "Object not found", "Lambda with id '{}' not found";
    /// The archive that a lambda was made of is not there.
    LambdaArchiveNotFound = 42005, NOT_FOUND, "Lambda archive not found", "Archive of lambda '{}' not found in {}";
}
"Streams" {
    /// A stream is not there, said by the Streams service.
    StreamNotFound = 39001, NOT_FOUND, "Object not found", "Stream with id '{}' not found";
    /// A finished stream cannot be paused.
    StreamCannotStop = 39003, BAD_REQUEST, "Unable to stop processing", "Processing of stream with id '{}' is already in progress and cannot be stopped.";
    /// A finished stream cannot be cancelled.
    StreamCannotCancel = 39005, BAD_REQUEST, "Unable to cancel processing", "Processing of streams with id '{}' is finished and cannot be cancelled";
    /// A group's name is taken, said by the Streams service.
    GroupTaken = 39006, CONFLICT, "Unique constraint error", "Group named '{}' already exists";
    /// A group is not there, said by the Streams service.
    GroupNotFound = 39008, NOT_FOUND, "Object not found", "Group with id {} not found";
    /// A stream has no preview of that kind: the kind and the stream.
    PreviewNotFound = 39009, NOT_FOUND, "Forbidden", "Not found `{}` preview url for stream with id '{}'.";
    /// A preview cannot be made.
    PreviewFailed = 39010, INTERNAL_SERVER_ERROR, "Preview processing error", "{}";
    /// A stream is not there, said by the API.
    ApiStreamNotFound = 44001, NOT_FOUND, "Object not found", "Stream with id '{}' not found";
    /// A group's name is taken, said by the API.
    ApiGroupTaken = 44003, CONFLICT, "Unique constraint error", "Group named '{}' already exists";
    /// A group is not there, said by the API.
    ApiGroupNotFound = 44004, NOT_FOUND, "Object not found", "Group with id {} not found";
    /// An analytic is not there.
    AnalyticNotFound = 44008, NOT_FOUND, "Object not found", "Analytic with id '{}' not found";
    /// Events of a stream are wanted that is not processed now.
    StreamNotProcessed = 44013, UNPROCESSABLE_ENTITY, "Stream status is unsuitable", "Stream with id '{}' is not currently being processed";
}
}
