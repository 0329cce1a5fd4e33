//! The table of error codes: what the contracts document for the operations served here.

use http::StatusCode;

macro_rules! catalogue {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $status:ident, $desc:literal, $detail:literal;)*) => {
        /// An error code of the contracts. `{}` in a detail stands for the value at fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The contract's number.
            pub fn number(self) -> u32 {
                match self { $(Self::$name => $number),* }
            }

            /// The HTTP status it usually comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// The short description.
            pub fn desc(self) -> &'static str {
                match self { $(Self::$name => $desc),* }
            }

            /// The detail, with `{}` for the value at fault.
            pub fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail),* }
            }
        }
    };
}

catalogue! {
    /// No error.
    Success = 0, OK, "Success", "Success";
    /// A dependency is not well.
    Unhealthy = 38001, BAD_GATEWAY, "Health check error", "{}";
    /// A failure of ours.
    Internal = 11009, INTERNAL_SERVER_ERROR, "Internal server error", "Internal server error";
    /// Processing took too long.
    ProcessingTimeout = 37001, SERVICE_UNAVAILABLE, "Internal server error", "Service did not process a request within {} seconds";
    /// A part of the installation did not answer in time.
    Timeout = 9, GATEWAY_TIMEOUT, "Request timed out", "Request timed out";
    /// The client did not send its request in time.
    RequestTimeout = 37002, REQUEST_TIMEOUT, "Request timeout", "Service did not receive a complete request message within {} seconds";
    /// The body is over the limit.
    PayloadTooLarge = 37003, PAYLOAD_TOO_LARGE, "Payload too large", "Request payload is too large";

    /// No such path.
    PageNotFound = 12013, NOT_FOUND, "Resource not found", "Page not found";
    /// The path exists, the method does not.
    MethodNotAllowed = 12021, METHOD_NOT_ALLOWED, "Method not allowed", "Method not allowed";
    /// No `Authorization` header.
    AuthorizationNeeded = 12010, FORBIDDEN, "Bad/incomplete input data", "This resource needs 'Authorization' authorization headers";
    /// Wrong or unreadable credentials.
    AuthorizationFailed = 11065, UNAUTHORIZED, "Authorization failed", "{}";
    /// A header of the internal services is no UUID.
    AccountHeaderBad = 11037, BAD_REQUEST, "Bad/incomplete input data", "Luna-Account-Id header is not UUID, format: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    /// A header of the internal services is missing.
    AccountHeaderMissing = 11066, BAD_REQUEST, "Bad/incomplete input data", "Luna-Account-Id header not found";
    /// The account may not do this.
    AccessDenied = 11064, FORBIDDEN, "Forbidden", "{}";
    /// A capability is not installed or not licensed.
    FeatureDisabled = 11055, FORBIDDEN, "Forbidden", "License problem: {} feature disabled";
    /// The tasks service is not part of this installation.
    TasksDisabled = 11039, FORBIDDEN, "Forbidden", "Luna Tasks service is disabled";
    /// The lambda service is not part of this installation.
    LambdaDisabled = 11072, FORBIDDEN, "Forbidden", "Luna Lambda service is disabled";
    /// The image store takes no foreign objects in this installation.
    ImageStoreDisabled = 11070, FORBIDDEN, "Forbidden", "Luna Image Store service is disabled";
    /// The operator surface is turned off.
    ResourceDisabled = 12049, FORBIDDEN, "Forbidden", "Resource is disabled.";

    /// A query parameter has a bad value.
    BadQuery = 12012, BAD_REQUEST, "Bad/incomplete input data", "Bad query parameters '{}'";
    /// A body that should be JSON is not.
    NoJson = 12002, BAD_REQUEST, "Bad/incomplete input data", "Request does not contain json";
    /// A JSON body does not fit.
    BadJson = 12022, BAD_REQUEST, "Bad/incomplete input data", "Failed to validate input json. Path: '{}', message: ''";
    /// A handler's policies do not fit.
    BadPolicies = 12027, BAD_REQUEST, "Bad/incomplete input data", "Failed to validate input json. Path: '{}', message: ''";
    /// A content type that the operation does not take.
    BadContentType = 12017, BAD_REQUEST, "Bad/incomplete input data", "Bad content type";
    /// No representation that the client accepts.
    NotAcceptable = 12024, UNSUPPORTED_MEDIA_TYPE, "Bad/incomplete input data", "Unsupported media type";
    /// A multipart body is broken or lacks what is needed.
    BadMultipart = 11049, BAD_REQUEST, "Bad/incomplete input data", "Bad multipart body: {}";
    /// A part of a multipart body is no image.
    BadPartContentType = 11029, BAD_REQUEST, "Bad/incomplete input data", "Bad content type of image in multipart body";
    /// Base64 text is not that.
    BadBase64 = 18001, BAD_REQUEST, "Bad/incomplete input data", "Failed convert data from base64 to bytes";
    /// Bytes cannot be read as an image.
    BadImage = 18002, BAD_REQUEST, "Bad/incomplete input data", "Failed convert bytes to jpg";
    /// An image of an unsupported kind.
    UnsupportedImage = 100033, BAD_REQUEST, "Unsupported image type", "Unsupported type";
    /// An image is larger than can be processed, or a rectangle is not inside it.
    InvalidImageSize = 11043, BAD_REQUEST, "Bad/incomplete input data", "Bad image size for face warped image";
    /// Several faces where one is allowed.
    ManyFaces = 11012, BAD_REQUEST, "Bad/incomplete input data", "Multiple faces found";
    /// A picture given as a sample is not one.
    BadSampleSize = 11030, BAD_REQUEST, "Bad/incomplete input data", "Image size is not equal to 250x250";
    /// An image cannot be fetched by its address: fetching is off.
    BadImageUrl = 11027, BAD_REQUEST, "External request failed", "Failed to download image by url '{}'";
    /// The body of a request for events does not fit.
    BadEventBody = 11027, BAD_REQUEST, "Bad/incomplete input data", "Failed to validate input json. Path: '{}', message: ''";
    /// A filter or target that is not known.
    BadTarget = 22016, BAD_REQUEST, "Bad/incomplete input data", "{}";

    /// A stored picture is not there.
    ImageNotFound = 13003, NOT_FOUND, "Object not found", "Image with id '{}' not found";
    /// A face is not there.
    FaceNotFound = 22002, NOT_FOUND, "Object not found", "Face with id '{}' not found";
    /// A list is not there.
    ListNotFound = 22003, NOT_FOUND, "Object not found", "List with id '{}' not found";
    /// Some of several faces are not there.
    FacesNotFound = 22004, NOT_FOUND, "Object not found", "One or more faces not found, including face with id '{}'";
    /// A temporary attribute is not there.
    AttributeNotFound = 22011, NOT_FOUND, "Object not found", "Attributes with id '{}' not found";
    /// An event is not there.
    EventNotFound = 23001, NOT_FOUND, "Object not found", "Event with id '{}' not found";
    /// A handler is not there.
    HandlerNotFound = 11033, NOT_FOUND, "Object not found", "Handler with id '{}' not found";
    /// A stream is not there.
    StreamNotFound = 39001, NOT_FOUND, "Object not found", "Stream with id '{}' not found";
    /// A finished stream cannot be paused.
    StreamCannotStop = 39003, FORBIDDEN, "Unable to stop processing", "Processing of stream with id '{}' is already in progress and cannot be stopped.";
    /// A finished stream cannot be cancelled.
    StreamCannotCancel = 39005, FORBIDDEN, "Unable to cancel processing", "Processing of streams with id '{}' is finished and cannot be cancelled";
    /// An account is not there.
    AccountNotFound = 28001, NOT_FOUND, "Object not found", "Account with id '{}' not found";
    /// A login is taken.
    LoginTaken = 41001, CONFLICT, "Integrity error", "Account with login '{}' already exists";
    /// An account id is taken.
    AccountTaken = 41002, CONFLICT, "Integrity error", "Account with account_id '{}' already exists";

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
    /// A descriptor of an unknown version.
    DescriptorVersionUnknown = 12036, BAD_REQUEST, "Bad/incomplete input data", "Descriptor version {} is not registered in the system";
    /// A packed descriptor that cannot be read.
    BadSdkDescriptor = 12038, BAD_REQUEST, "Bad/incomplete input data", "SDK descriptor is not valid";
}
