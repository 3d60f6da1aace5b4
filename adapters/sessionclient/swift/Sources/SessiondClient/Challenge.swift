import Foundation

/// What a 401 with the code `proof_nonce_required` asks for.
struct Challenge: Sendable, Equatable {
    static let code = "proof_nonce_required"

    /// What the next proof is to name, or nil if there is none that can be sent.
    let nonce: String?
    /// The time of the server, in seconds since 1970, if it is known.
    let date: TimeInterval?

    init(header: (String) -> String?) {
        // Several headers of one name arrive as one, with blanks in it.
        nonce = header("DPoP-Nonce").flatMap { Challenge.isNonce($0) ? $0 : nil }
        date = header("Date").flatMap(Challenge.seconds)
    }

    private static func isNonce(_ text: String) -> Bool {
        (1...256).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    /// Parses a date (RFC 9110, section 5.6.7) after 1970.
    private static func seconds(_ text: String) -> TimeInterval? {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        formatter.isLenient = false
        guard text.utf8.count == 29, let date = formatter.date(from: text)?.timeIntervalSince1970, date > 0 else {
            return nil
        }
        return date
    }
}

// The key of the client, which may be forgotten elsewhere at any time.
extension SessionClient {
    /// Returns the key, or nil if the client has none. Throws `SessionError` if the key fails.
    func currentDevice() throws -> Device? {
        guard let key = configuration.key else { return nil }
        do {
            if remembered {
                try key.forget()
                remembered = false
            }
            return try Device(key.signer())
        } catch {
            throw SessionError(code: SessionError.keyUnavailable)
        }
    }

    /// Forgets the key. If that fails, it is tried again before each use.
    func forgetKey() throws {
        device = nil
        do {
            try configuration.key?.forget()
            remembered = false
        } catch {
            remembered = true
            throw error
        }
    }

    /// Corrects the time of proofs, so that later ones need no nonce, and returns the nonce to
    /// answer. No other answer corrects it: a cached one has an old date.
    func answer(_ challenge: Challenge) -> String? {
        if let date = challenge.date { proofTime.correct(date, hooks) }
        return challenge.nonce
    }

    func credentials(_ token: String?, _ device: Device?) -> Credentials {
        Credentials(token: token, device: device, time: proofTime, hooks: hooks)
    }

    /// Sends a request for a session, and once more if the time of its proof was refused: both
    /// within the timeout of one exchange.
    func ask(installID: String, token: String?, device: Device?) async -> Answer {
        let end = hooks.now() + configuration.timeout
        var nonce: String?
        while true {
            let headers: [String: String]
            do {
                headers = try credentials(token, device).headers(method: "POST", url: exchange.url, nonce: nonce)
            } catch {
                return .failed(SessionError(code: SessionError.keyUnavailable))
            }
            let left = max(0.001, end - hooks.now())
            let answer = await exchange.send(installID: installID, headers: headers, within: left)
            guard case .challenged(let error, let challenge) = answer else { return answer }
            guard device != nil else { return .failed(error) }
            let isFirst = nonce == nil
            nonce = self.answer(challenge)
            guard isFirst, nonce != nil else { return .failed(error) }
        }
    }
}
