import CryptoKit
import XCTest
@testable import SessiondClient

final class BoundTests: XCTestCase {
    func testEachRequestHasAProof() async throws {
        let world = World([grant("first.token")])
        let client = try world.client(key: TestKey())
        let url = URL(string: "https://api.example.com/a%20b?c=d#e")!
        let headers = try await client.credentials(method: "PUT", url: url)
        XCTAssertEqual(headers["Authorization"], "DPoP first.token")
        let used = try claims(headers["DPoP"])
        XCTAssertEqual(used["htm"] as? String, "PUT")
        XCTAssertEqual(used["htu"] as? String, "https://api.example.com/a%20b")
        XCTAssertEqual(used["iat"] as? Int, 1_600_000_000)
        let digest = Data(SHA256.hash(data: Data("first.token".utf8)))
        XCTAssertEqual(used["ath"] as? String, base64url(digest))
        let issued = try claims(world.proofs.first)
        XCTAssertEqual(issued["htu"] as? String, "https://sessions.example.com/v1/sessions/anonymous")
        XCTAssertNil(issued["ath"])
        XCTAssertNil(issued["nonce"])
        XCTAssertNotEqual(issued["jti"] as? String, used["jti"] as? String)
        XCTAssertTrue(world.installIDs.allSatisfy(Device.isThumbprint))
    }

    func testWebSocketsCountAsTheApplication() async throws {
        let world = World([grant("first.token")])
        let client = try world.client(key: TestKey())
        let headers = try await client.credentials(method: "GET", url: URL(string: "wss://api.example.com")!)
        XCTAssertEqual(try claims(headers["DPoP"])["htu"] as? String, "https://api.example.com/")
        do {
            _ = try await client.credentials(method: "GET", url: URL(string: "https://example.com")!)
            XCTFail("the URL is another origin's")
        } catch is SessionConfigurationError {}
    }

    func testANonceIsAnsweredOnceAndTheTimeCorrected() async throws {
        let world = World([challenge("n", date: "Sun, 13 Sep 2020 13:26:40 GMT"), grant("first.token")])
        let client = try world.client(key: TestKey())
        let token = try await client.token()
        XCTAssertEqual(token, "first.token")
        let both = try world.proofs.map(claims)
        XCTAssertEqual(both.map { $0["iat"] as? Int }, [1_600_000_000, 1_600_003_600])
        XCTAssertEqual(both.map { $0["nonce"] as? String }, [nil, "n"])

        let never = World([challenge("n"), challenge("m"), grant("first.token")])
        do {
            _ = try await never.client(key: TestKey()).token()
            XCTFail("the second challenge is an error")
        } catch let error as SessionError {
            XCTAssertEqual(error.code, Challenge.code)
        }
        XCTAssertEqual(never.proofs.count, 2)
    }

    func testChallenges() {
        let answer = { (nonce: String, date: String) in
            Challenge(header: { ["DPoP-Nonce": nonce, "Date": date][$0] })
        }
        XCTAssertEqual(answer("n", "Thu, 01 Jan 1970 00:00:01 GMT").date, 1)
        for date in ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 31 Feb 2026 00:00:00 GMT"] {
            XCTAssertNil(answer("n", date).date, date)
        }
        for nonce in ["", "a b", "a, a", "\u{fc}", String(repeating: "n", count: 257)] {
            XCTAssertNil(answer(nonce, "").nonce, nonce)
        }
        XCTAssertEqual(Rejection(code: Challenge.code, challenge: nil), .nonceRequired)
        let both = #"Bearer realm="offload", DPoP error="use_dpop_nonce", algs="ES256 EdDSA""#
        XCTAssertEqual(Rejection(code: nil, challenge: both), .nonceRequired)
    }

    func testSignOutForgetsTheKey() async throws {
        let world = World([grant("first.token"), grant("second.token")])
        let key = TestKey()
        let client = try world.client(key: key)
        _ = try await client.token()
        key.fails = true
        do {
            try await client.signOut()
            XCTFail("the key is not forgotten")
        } catch is TestKey.Failure {}
        do {
            _ = try await client.token()
            XCTFail("the key must not be used")
        } catch let error as SessionError {
            XCTAssertEqual(error.code, SessionError.keyUnavailable)
        }
        key.fails = false
        let token = try await client.token()
        XCTAssertEqual(token, "second.token")
        XCTAssertEqual(Set(world.installIDs).count, 2)
    }

    func testAnotherKeyDoesNotUseTheStoredSession() async throws {
        let world = World([grant("first.token"), grant("second.token"), grant("third.token")])
        _ = try await world.client(key: TestKey()).token()
        _ = try await world.client(key: TestKey()).token()
        _ = try await world.client().token()
        XCTAssertEqual(world.bearers, [nil, nil, nil])
        XCTAssertEqual(Set(world.installIDs).count, 3)
    }

    func testAKeyHasItsOwnInstallID() throws {
        var configuration = SessionClient.Configuration(
            sessions: URL(string: "https://sessions.example.com")!,
            application: [URL(string: "https://api.example.com")!],
            appVersion: "1.0"
        )
        configuration.key = TestKey()
        XCTAssertNoThrow(try SessionClient(configuration))
        configuration.installID = "install-12345"
        XCTAssertThrowsError(try SessionClient(configuration))
        configuration.installID = nil
        configuration.application = [URL(string: "https://[fe80::1%25en0]")!]
        XCTAssertThrowsError(try SessionClient(configuration))
    }

    /// Returns the claims of a proof, whose signature is checked with the key in it.
    private func claims(_ proof: String?) throws -> [String: Any] {
        let parts = try XCTUnwrap(proof).split(separator: ".").map(String.init)
        XCTAssertEqual(parts.count, 3)
        let header = try object(parts[0])
        XCTAssertEqual(header["typ"] as? String, "dpop+jwt")
        XCTAssertEqual(header["alg"] as? String, "ES256")
        let jwk = try XCTUnwrap(header["jwk"] as? [String: String])
        XCTAssertEqual(Set(jwk.keys), ["kty", "crv", "x", "y"])
        let point = try decoded(XCTUnwrap(jwk["x"])) + decoded(XCTUnwrap(jwk["y"]))
        let key = try P256.Signing.PublicKey(rawRepresentation: point)
        let signature = try P256.Signing.ECDSASignature(rawRepresentation: decoded(parts[2]))
        XCTAssertTrue(key.isValidSignature(signature, for: Data("\(parts[0]).\(parts[1])".utf8)))
        return try object(parts[1])
    }

    private func object(_ segment: String) throws -> [String: Any] {
        try XCTUnwrap(JSONSerialization.jsonObject(with: decoded(segment)) as? [String: Any])
    }

    private func decoded(_ text: String) throws -> Data {
        let base64 = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        let padding = String(repeating: "=", count: (4 - base64.count % 4) % 4)
        return try XCTUnwrap(Data(base64Encoded: base64 + padding))
    }
}

private func challenge(_ nonce: String, date: String? = nil) -> Answer {
    Answer(
        status: 401,
        header: { ["X-Error-Code": Challenge.code, "DPoP-Nonce": nonce, "Date": date][$0] ?? nil },
        body: Data()
    )
}

/// A key in memory, which can fail to be forgotten.
private final class TestKey: DeviceKey, @unchecked Sendable {
    struct Failure: Error {}

    var fails = false
    private var key = P256.Signing.PrivateKey()

    func signer() throws -> any DeviceSigner { SoftwareSigner(key: key) }

    func forget() throws {
        if fails { throw Failure() }
        key = P256.Signing.PrivateKey()
    }
}
