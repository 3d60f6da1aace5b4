import Foundation

/// Reports that there is no session. It holds neither a token nor an install ID.
public struct SessionError: Error, Equatable, Sendable {
    /// The code of sessiond's answer, such as `session_rate_limited`, or one of the four below.
    public let code: String
    /// The status of sessiond's answer, if there was one.
    public let status: Int?
    /// What is wrong with the fields of the request, if the code is `validation_error`.
    public let details: [Detail]
    /// Seconds to wait before the next attempt, if sessiond named them.
    public let retryAfter: Int?
    /// Names the request in sessiond's log.
    public let requestID: String?

    public struct Detail: Equatable, Sendable {
        public let field: String
        public let rule: String
        public let min: Int?
        public let max: Int?
    }

    /// No connection, or one that broke.
    public static let unreachable = "unreachable"
    /// No complete answer within `Configuration.timeout`, or while a call waited for
    /// `Configuration.maxWait`.
    public static let timeout = "timeout"
    /// An answer that is not sessiond's, for example the page of a proxy.
    public static let unexpectedResponse = "unexpected_response"

    /// The key of the device cannot be read, made or used.
    public static let keyUnavailable = "key_unavailable"

    static let rateLimited = "session_rate_limited"

    init(code: String, status: Int? = nil, details: [Detail] = [], retryAfter: Int? = nil, requestID: String? = nil) {
        self.code = code
        self.status = status
        self.details = details
        self.retryAfter = retryAfter
        self.requestID = requestID
    }

    /// Returns the error with what is left of the wait.
    func retrying(after seconds: TimeInterval) -> SessionError {
        SessionError(
            code: code,
            status: status,
            details: details,
            retryAfter: Int(seconds.rounded(.up)),
            requestID: requestID
        )
    }
}

extension SessionError: LocalizedError, CustomStringConvertible {
    public var description: String {
        let fields = details.map { detail -> String in
            guard let min = detail.min, let max = detail.max else { return "\(detail.field): \(detail.rule)" }
            return "\(detail.field): \(detail.rule) \(min) to \(max)"
        }
        return "no session: \(code)" + (fields.isEmpty ? "" : " (\(fields.joined(separator: ", ")))")
    }

    public var errorDescription: String? { description }
}

/// Reports a configuration that would send a session in the clear, or nowhere.
public struct SessionConfigurationError: Error, LocalizedError, Sendable {
    public let message: String

    public var errorDescription: String? { message }
}
