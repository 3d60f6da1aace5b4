import Foundation

/// How one exchange with sessiond ended.
enum Outcome: Sendable {
    case granted(Pass)
    /// sessiond told the client to wait.
    case refused(SessionError)
    /// The client signed out meanwhile, or another client of the storage replaced the session.
    case dropped
    case failed(SessionError)
}

// The one exchange with sessiond that is on its way, which callers share.
extension SessionClient {
    /// Starts an exchange unless one is on its way. It belongs to no caller, so that it goes on
    /// for the others if one is cancelled.
    func launch() {
        guard flight == nil else { return }
        let installID = self.installID()
        let began = held
        let device = self.device
        lastID += 1
        let id = lastID
        let task = Task {
            let answer = await self.ask(installID: installID, token: began.token, device: device)
            self.land(id, answer, began)
        }
        flight = (id, task)
    }

    /// Waits for the end of the exchange, which it starts if none is on its way. A caller that is
    /// cancelled leaves at once, and one that has waited until the deadline with a timeout.
    func nextOutcome(until deadline: TimeInterval) async throws -> Outcome {
        launch()
        lastID += 1
        let id = lastID
        // One second more, so that a wait that just fits is not cut off.
        let patience = max(0, deadline - hooks.now() + 1)
        let late = Task {
            try await Task.sleep(nanoseconds: UInt64(patience * 1_000_000_000))
            self.giveUp(id)
        }
        defer { late.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Outcome, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    waiters[id] = continuation
                }
            }
        } onCancel: {
            Task { await self.leave(id) }
        }
    }

    private func leave(_ id: Int) {
        waiters.removeValue(forKey: id)?.resume(throwing: CancellationError())
    }

    private func giveUp(_ id: Int) {
        waiters.removeValue(forKey: id)?.resume(returning: .failed(SessionError(code: SessionError.timeout)))
    }

    func resumeWaiters(_ outcome: Outcome) {
        let all = waiters.values
        waiters = [:]
        for waiter in all { waiter.resume(returning: outcome) }
    }

    private func land(_ id: Int, _ answer: Answer, _ began: Record) {
        guard flight?.id == id else { return } // the client signed out
        flight = nil
        let now = hooks.now()
        switch answer {
        case .granted(let grant):
            do {
                try read()
            } catch {
                resumeWaiters(.failed(SessionError(code: SessionError.keyUnavailable)))
                return
            }
            guard held == began else {
                resumeWaiters(.dropped)
                return
            }
            let installID = ownID ?? held.installID
            keep(Record(installID: installID, token: grant.token, refreshAfter: grant.refreshAfter))
            due = (grant.token, now + TimeInterval(grant.refreshAfter))
            expiredToken = nil
            renewNotBefore = 0
            refusalBackoff.reset()
            renewalBackoff.reset()
            refusal = SessionError(code: SessionError.rateLimited)
            notBefore = max(notBefore, now + grant.delay)
            resumeWaiters(.granted(Pass(token: grant.token, device: device)))
        case .refused(let error):
            let wait = error.retryAfter.map { max(1, TimeInterval($0)) } ?? refusalBackoff.next()
            let spread = hooks.jitter() * max(1, wait / 10)
            refusal = error
            notBefore = max(notBefore, now + wait + spread)
            resumeWaiters(.refused(error))
        case .failed(let error), .challenged(let error, _):
            renewNotBefore = now + renewalBackoff.next()
            resumeWaiters(.failed(error))
        }
    }
}

/// Doubles a wait with each failure.
struct Backoff: Sendable {
    let first: TimeInterval
    let last: TimeInterval
    private var current: TimeInterval

    init(first: TimeInterval, last: TimeInterval) {
        self.first = first
        self.last = last
        current = first
    }

    mutating func next() -> TimeInterval {
        defer { current = min(current * 2, last) }
        return current
    }

    mutating func reset() { current = first }
}
