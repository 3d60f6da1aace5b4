import Foundation

/// Why the application refused a session with a 401.
enum Rejection: Hashable, Sendable {
    /// The session is to be renewed.
    case expired
    /// The session is to be replaced.
    case invalid

    /// Returns nil for every other response, also for a 401 with another code.
    init?(_ answer: HTTPURLResponse) {
        guard answer.statusCode == 401 else { return nil }
        self.init(
            code: answer.value(forHTTPHeaderField: "X-Error-Code"),
            challenge: answer.value(forHTTPHeaderField: "WWW-Authenticate")
        )
    }

    /// Without a code, which a proxy may have dropped, the challenge counts (RFC 6750, section 3).
    init?(code: String?, challenge: String?) {
        switch code {
        case "expired_token":
            self = .expired
        case "invalid_token":
            self = .invalid
        case nil where challenge?.contains(#"error="invalid_token""#) == true:
            self = challenge?.contains(#"error_description="expired""#) == true ? .expired : .invalid
        default:
            return nil
        }
    }
}
