import XCTest
@testable import SessiondClient

final class WireTests: XCTestCase {
    func testAnswers() {
        let issued = Data(#"{"session_token":"a.b","expires_at":"2026-02-16T12:02:00Z","refresh_after":97}"#.utf8)
        let rateLimit = #""ip";r=7;t=60, "install_id";r=0;t=30"#
        XCTAssertEqual(
            granted(Answer(status: 200, header: { $0 == "RateLimit" ? rateLimit : nil }, body: issued)),
            Grant(token: "a.b", refreshAfter: 97, delay: 30)
        )
        let unusable = [
            "", "<html>", "{}",
            #"{"session_token":"a b","refresh_after":1}"#,
            #"{"session_token":"a","refresh_after":-1}"#,
        ]
        for body in unusable {
            XCTAssertNil(granted(Answer(status: 200, header: { _ in nil }, body: Data(body.utf8))), body)
        }
        XCTAssertNil(granted(Answer(status: 302, header: { _ in nil }, body: issued)))
    }

    func testErrorsHaveDetails() {
        let body = #"{"error":{"code":"validation_error","message":"","request_id":"r","#
            + #""details":[{"field":"install_id","rule":"length","min":8,"max":128},"#
            + #"{"field":"No Word","rule":"blank"},7]}}"#
        guard case .failed(let error) = Answer(status: 422, header: { _ in nil }, body: Data(body.utf8)) else {
            return XCTFail("422 is an error")
        }
        XCTAssertEqual(error.code, "validation_error")
        XCTAssertEqual(error.description, "no session: validation_error (install_id: length 8 to 128)")
    }

    func testSeconds() {
        XCTAssertEqual(wholeSeconds("120"), 120)
        XCTAssertEqual(wholeSeconds("0"), 1)
        XCTAssertEqual(wholeSeconds("99999999999999999999"), 172_800)
        XCTAssertEqual(longestWait("5, 30"), 30)
        XCTAssertEqual(spentFor(#""a,b;r=0;t=90";r=1;t=5, "ip";r=0;t=20"#), 20)
        for text in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            XCTAssertNil(longestWait(text), text)
        }
    }

    func testRejections() {
        XCTAssertEqual(Rejection(code: "expired_token", challenge: nil), .expired)
        XCTAssertEqual(Rejection(code: "invalid_token", challenge: nil), .invalid)
        let invalid = #"Bearer realm="offload", error="invalid_token""#
        XCTAssertEqual(Rejection(code: nil, challenge: invalid + #", error_description="expired""#), .expired)
        XCTAssertEqual(Rejection(code: nil, challenge: invalid), .invalid)
        XCTAssertNil(Rejection(code: "unauthorized", challenge: invalid))
        XCTAssertEqual(Rejection(code: "", challenge: "Bearer ERROR = invalid_token"), .invalid)
        XCTAssertEqual(Rejection(code: "expired_token, expired_token", challenge: nil), .expired)
        for challenge in ["Basic", #"Bearer realm="error=\"invalid_token\"""#, #"Bearer x-error="invalid_token""#] {
            XCTAssertNil(Rejection(code: nil, challenge: challenge))
        }
    }

    func testRecords() {
        let record = Record(installID: "an-install-id", token: "a.b", refreshAfter: 97)
        XCTAssertEqual(Record(stored: record.text), record)
        XCTAssertNil(Record().text)
        for text in ["", "not json", "[]", #"{"version":1,"session_token":"a.b"}"#] {
            XCTAssertEqual(Record(stored: text), Record(), text)
        }
        XCTAssertEqual(
            Record(stored: #"{"version":2,"install_id":"an-install-id","session_token":"a.b"}"#),
            Record(installID: "an-install-id")
        )
    }

    func testOrigins() throws {
        let origin = { (text: String) in URL(string: text).flatMap { Origin($0) } }
        XCTAssertEqual(origin("https://API.example.com/a"), origin("https://api.example.com:443/b"))
        XCTAssertNotEqual(origin("https://api.example.com"), origin("https://api.example.com:8443"))
        XCTAssertNotEqual(origin("https://api.example.com"), origin("http://api.example.com"))
        XCTAssertNil(origin("file:///etc/hosts"))
    }

    private func granted(_ answer: Answer) -> Grant? {
        if case .granted(let grant) = answer { return grant }
        return nil
    }
}
