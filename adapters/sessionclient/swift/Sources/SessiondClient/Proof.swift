import CryptoKit
import Foundation

/// A key as it is used to make proofs (RFC 9449).
struct Device: Sendable {
    let signer: any DeviceSigner
    /// The thumbprint of the key (RFC 7638).
    let installID: String
    private let header: String

    init(_ signer: any DeviceSigner) throws {
        let point = signer.publicKey()
        guard point.count == 64 else { throw DeviceKeyError() }
        let (x, y) = (base64url(point.prefix(32)), base64url(point.suffix(32)))
        // Of these members in this order, and without blanks, the thumbprint is made.
        let jwk = #"{"crv":"P-256","kty":"EC","x":"\#(x)","y":"\#(y)"}"#
        self.signer = signer
        installID = digest(jwk)
        header = base64url(Data(#"{"typ":"dpop+jwt","alg":"ES256","jwk":\#(jwk)}"#.utf8))
    }

    private struct Claims: Encodable {
        let jti: String
        let htm: String
        let htu: String
        let iat: Int
        let ath: String?
        let nonce: String?
    }

    /// Returns a new proof for one request, which is sent with a token and answers a nonce, if
    /// there are such.
    func prove(method: String, uri: String, token: String?, nonce: String?, now: TimeInterval) throws -> String {
        // The generator of Swift is cryptographically secure.
        let random = Data((0..<16).map { _ in UInt8.random(in: .min ... .max) })
        let claims = Claims(
            jti: base64url(random),
            htm: method,
            htu: uri,
            iat: Int(now),
            ath: token.map(digest),
            nonce: nonce
        )
        let signed = header + "." + base64url(try JSONEncoder().encode(claims))
        let signature = try signer.sign(Data(signed.utf8))
        guard signature.count == 64 else { throw DeviceKeyError() }
        return signed + "." + base64url(signature)
    }

    /// Reports whether an install ID has the form of a thumbprint: 32 bytes in base64url.
    static func isThumbprint(_ id: String) -> Bool {
        id.range(of: "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", options: .regularExpression) != nil
            && id.utf8.count == 43
    }
}

/// The time of proofs: that of the device until a server did not accept it, and then that of the
/// server.
struct ProofTime: Sendable {
    private var told: (date: TimeInterval, at: TimeInterval)?

    func now(_ hooks: Hooks) -> TimeInterval {
        guard let told else { return hooks.wall() }
        return told.date + (hooks.now() - told.at)
    }

    /// Sets the time to that of an answer which has just arrived.
    mutating func correct(_ date: TimeInterval, _ hooks: Hooks) {
        told = (date, hooks.now())
    }
}

/// A session to send, and the key that it is bound to, if it is.
struct Pass: Sendable {
    let token: String
    let device: Device?
}

/// Makes the headers of requests. Without a key, the token is a bearer token.
struct Credentials: Sendable {
    let token: String?
    let device: Device?
    let time: ProofTime
    let hooks: Hooks

    /// Throws `SessionError` if the key fails.
    func headers(method: String, url: URL, nonce: String?) throws -> [String: String] {
        guard let device else {
            return token.map { ["Authorization": "Bearer \($0)"] } ?? [:]
        }
        do {
            var headers = ["DPoP": try device.prove(
                method: method, uri: uriOf(url), token: token, nonce: nonce, now: time.now(hooks)
            )]
            if let token { headers["Authorization"] = "DPoP \(token)" }
            return headers
        } catch {
            throw SessionError(code: SessionError.keyUnavailable)
        }
    }
}

/// Returns a URL as a proof names it: as it is sent, without query and fragment.
func uriOf(_ url: URL) -> String {
    guard var parts = URLComponents(url: url, resolvingAgainstBaseURL: true) else { return url.absoluteString }
    parts.percentEncodedQuery = nil
    parts.percentEncodedFragment = nil
    if parts.percentEncodedPath.isEmpty { parts.percentEncodedPath = "/" }
    return parts.string ?? url.absoluteString
}

private func digest(_ text: String) -> String {
    base64url(Data(SHA256.hash(data: Data(text.utf8))))
}

func base64url(_ data: Data) -> String {
    data.base64EncodedString()
        .replacingOccurrences(of: "+", with: "-")
        .replacingOccurrences(of: "/", with: "_")
        .replacingOccurrences(of: "=", with: "")
}
