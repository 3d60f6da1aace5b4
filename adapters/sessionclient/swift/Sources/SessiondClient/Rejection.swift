import Foundation

/// Why the application refused a request with a 401.
enum Rejection: Hashable, Sendable {
    /// The session is to be renewed.
    case expired
    /// The session is to be replaced.
    case invalid
    /// The proof is to be made again, with a nonce.
    case nonceRequired

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
        // A proxy and the application may each have set the header.
        switch code.map(firstElement) ?? "" {
        case "expired_token":
            self = .expired
        case "invalid_token":
            self = .invalid
        case Challenge.code:
            self = .nonceRequired
        case "":
            let parameters = Rejection.parameters(of: challenge ?? "")
            if parameters.contains("error=use_dpop_nonce") {
                self = .nonceRequired
                return
            }
            guard parameters.contains("error=invalid_token") else { return nil }
            self = parameters.contains("error_description=expired") ? .expired : .invalid
        default:
            return nil
        }
    }

    /// Returns the parameters of challenges (RFC 9110, section 11.2) as `name=value`. What stands in
    /// a quoted string is no parameter.
    private static func parameters(of challenges: String) -> Set<String> {
        let pattern = #"([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)"#
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
        let text = challenges as NSString
        // The time that it takes grows with the square of the length.
        let range = NSRange(location: 0, length: min(text.length, 2048))
        let matches = expression.matches(in: challenges, range: range)
        return Set(matches.map { match in
            let value = text.substring(with: match.range(at: 2))
            return text.substring(with: match.range(at: 1)).lowercased() + "="
                + value.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
        })
    }
}
