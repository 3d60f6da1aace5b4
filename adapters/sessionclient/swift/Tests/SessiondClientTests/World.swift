import Foundation
@testable import SessiondClient

func grant(_ token: String, refreshAfter: Int = 3000) -> Answer {
    .granted(Grant(token: token, refreshAfter: refreshAfter, delay: 0))
}

func refusal(retryAfter: Int) -> Answer {
    .refused(SessionError(code: "session_rate_limited", status: 429, retryAfter: retryAfter))
}

/// Answers in place of sessiond, and has a clock that sleeping moves.
final class World: @unchecked Sendable {
    let storage = MemoryStorage()
    private let lock = NSLock()
    private var answers: [Answer]
    private var clock: TimeInterval = 1000
    private var requests: [(installID: String, bearer: String?)] = []
    private var waits: [TimeInterval] = []
    private var made: [String] = []

    init(_ answers: [Answer]) { self.answers = answers }

    var bearers: [String?] { locked { requests.map { $0.bearer } } }
    var installIDs: [String] { locked { requests.map { $0.installID } } }
    var proofs: [String] { locked { made } }
    var slept: [TimeInterval] { locked { waits } }

    func advance(_ seconds: TimeInterval) { locked { clock += seconds } }

    func client(
        storage: (any SessionStorage)? = nil,
        application: String = "https://api.example.com",
        key: (any DeviceKey)? = nil
    ) throws -> SessionClient {
        var configuration = SessionClient.Configuration(
            sessions: URL(string: "https://sessions.example.com")!,
            application: [URL(string: application)!],
            storage: storage ?? self.storage,
            appVersion: "1.0"
        )
        configuration.key = key
        configuration.hooks.now = { self.locked { self.clock } }
        configuration.hooks.sleep = { seconds in
            self.locked {
                self.waits.append(seconds)
                self.clock += seconds
            }
        }
        configuration.hooks.jitter = { 0.5 }
        configuration.hooks.wall = { 1_600_000_000 }
        configuration.hooks.send = { installID, headers in
            self.locked {
                let token = headers["Authorization"]?.split(separator: " ").last.map(String.init)
                self.requests.append((installID, token))
                if let proof = headers["DPoP"] { self.made.append(proof) }
                return self.answers.isEmpty
                    ? .failed(SessionError(code: SessionError.unreachable))
                    : self.answers.removeFirst()
            }
        }
        return try SessionClient(configuration)
    }

    private func locked<T>(_ work: () -> T) -> T {
        lock.lock()
        defer { lock.unlock() }
        return work()
    }
}
