import Darwin
import Foundation

/// What tests replace.
struct Hooks: Sendable {
    /// Seconds of a clock that never steps and goes on while the device sleeps. ContinuousClock
    /// would need iOS 16.
    var now: @Sendable () -> TimeInterval = {
        TimeInterval(clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW)) / 1_000_000_000
    }

    /// Seconds since 1970 of the device's clock, which may be wrong by years. They are for proofs
    /// alone.
    var wall: @Sendable () -> TimeInterval = { Date().timeIntervalSince1970 }

    /// Sleeps for some seconds of that clock. `Task.sleep` does not count the time for which the
    /// device sleeps, so it is used for a few seconds at a time.
    var sleep: @Sendable (TimeInterval) async throws -> Void = { seconds in
        let clock = { TimeInterval(clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW)) / 1_000_000_000 }
        let end = clock() + seconds
        while true {
            let remaining = end - clock()
            guard remaining > 0 else { return }
            try await Task.sleep(nanoseconds: UInt64(min(remaining, 5) * 1_000_000_000))
        }
    }

    /// A fraction from 0 to 1.
    var jitter: @Sendable () -> Double = { Double.random(in: 0...1) }

    /// Takes an install ID and the credentials in place of sessiond, if it is set.
    var send: (@Sendable (String, [String: String]) async -> Answer)?
}
