import Foundation

/// Keeps one text, in which the client has the session and the install ID. Only the app may be
/// able to read it. A storage that throws does no harm: the client goes on in memory.
public protocol SessionStorage: Sendable {
    /// Returns the text, or nil if there is none.
    func load() throws -> String?
    /// Replaces the text, or removes it if it is nil.
    func save(_ text: String?) throws
}

/// A storage does not return what it was given.
struct StorageLosesText: Error {}

/// Keeps the session as long as the process runs.
public final class MemoryStorage: SessionStorage, @unchecked Sendable {
    private let lock = NSLock()
    private var text: String?

    public init() {}

    public func load() -> String? {
        lock.lock()
        defer { lock.unlock() }
        return text
    }

    public func save(_ text: String?) {
        lock.lock()
        defer { lock.unlock() }
        self.text = text
    }
}
