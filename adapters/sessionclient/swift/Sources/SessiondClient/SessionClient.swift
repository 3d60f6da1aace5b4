import Foundation

/// Obtains a session from sessiond, keeps it, renews it, and sends it with requests to your
/// application. Create one client for each app and share it: any number of callers share one
/// session and one request for it.
public actor SessionClient {
    public struct Configuration: Sendable {
        /// The base URL of sessiond.
        public var sessions: URL
        /// Base URLs of your application. Requests to their origins (scheme, host and port) carry
        /// the session; requests to others never do.
        public var application: [URL]
        /// Where the session survives a restart of the app: `KeychainStorage()` in most apps.
        public var storage: any SessionStorage
        /// The version of your app, 1 to 32 characters.
        public var appVersion: String
        /// The platform of your app, 1 to 32 characters.
        public var platform: String
        /// Identifies the installation, 8 to 128 characters. Without it, the client creates a UUID
        /// and keeps it in the storage.
        public var installID: String?
        /// The key of the device that sessions are bound to, so that they are of no use without
        /// it: `KeychainKey()`. The install ID is its thumbprint, so `installID` must be nil. The
        /// service must have binding on. Without a key, sessions are bearer tokens.
        public var key: (any DeviceKey)?
        /// Seconds that one exchange with sessiond may take.
        public var timeout: TimeInterval = 10
        /// Seconds that one call may wait for a session in all.
        public var maxWait: TimeInterval = 150
        /// Sends all requests.
        public var urlSession: URLSession = .shared
        var hooks = Hooks()

        public init(
            sessions: URL,
            application: [URL],
            storage: any SessionStorage = MemoryStorage(),
            appVersion: String,
            platform: String = "ios"
        ) {
            self.sessions = sessions
            self.application = application
            self.storage = storage
            self.appVersion = appVersion
            self.platform = platform
        }
    }

    let configuration: Configuration
    let hooks: Hooks
    let exchange: Exchange
    let origins: Set<Origin>

    // The state below is that of Session.swift, Flight.swift and Challenge.swift.
    var held = Record()
    /// The key as it was last read.
    var device: Device?
    /// A sign-out could not have the key forgotten, which so must not be used.
    var remembered = false
    var proofTime = ProofTime()
    /// Why the storage has not taken `held` yet, so that `held` counts and not what is stored.
    var saveError: (any Error)?
    var unsaved: Bool { saveError != nil }
    /// How many saves in sequence could not be loaded again.
    var lost = 0
    /// `held` began while the storage could not be read, so what is stored counts once it can be.
    var provisional = false
    /// The token that the application called expired. It is sent to renew, and for nothing else.
    var expiredToken: String?
    /// When the token is to be renewed. Unknown for a token that was stored before the client began.
    var due: (token: String, at: TimeInterval)?
    /// When the storage was last read or written.
    var accessed: TimeInterval?
    /// When the last session was replaced because the application called it invalid.
    var lastReplaced: TimeInterval?
    /// When a session was last renewed because the application called it expired before it was due.
    var lastRenewedEarly: TimeInterval?

    var flight: (id: Int, task: Task<Void, Never>)?
    var waiters: [Int: CheckedContinuation<Outcome, any Error>] = [:]
    var lastID = 0
    /// No request for a session is sent before this time.
    var notBefore: TimeInterval = 0
    /// What a caller gets that cannot wait until `notBefore`.
    var refusal = SessionError(code: SessionError.rateLimited)
    /// No renewal of a session that is still good is tried before this time.
    var renewNotBefore: TimeInterval = 0
    var refusalBackoff = Backoff(first: 1, last: 60)
    var renewalBackoff = Backoff(first: 10, last: 300)

    /// Throws `SessionConfigurationError` if a base URL is not https, except on this device, or has
    /// a user, a query or a fragment; if a time is out of range; if the install ID is not one; or if
    /// there are both a key and an install ID.
    public init(_ configuration: Configuration) throws {
        for url in configuration.application + [configuration.sessions] {
            let parts = URLComponents(url: url, resolvingAgainstBaseURL: true)
            // First, so that no message shows a password.
            guard parts?.user == nil, parts?.password == nil, parts?.query == nil, parts?.fragment == nil else {
                throw SessionConfigurationError(
                    message: "a base URL must have neither a user nor a query nor a fragment"
                )
            }
            guard let origin = Origin(url) else {
                throw SessionConfigurationError(message: "\(url) is not an http or https URL")
            }
            guard origin.isSecure else {
                throw SessionConfigurationError(message: "\(url) must be https, because it is not on this device")
            }
        }
        if let id = configuration.installID, !Record.isInstallID(id) {
            throw SessionConfigurationError(
                message: "installID must be 8 to 128 characters, not blank, without control characters"
            )
        }
        if configuration.key != nil {
            guard configuration.installID == nil else {
                throw SessionConfigurationError(message: "with a key there must be no installID: the key has one")
            }
            for url in configuration.application + [configuration.sessions] {
                // How URLSession sends other hosts is not known, and it is what a proof names.
                guard url.host?.allSatisfy({ $0.isASCII && $0 != "%" }) == true else {
                    throw SessionConfigurationError(
                        message: "\(url) must have a host in ASCII and without a zone, for proofs"
                    )
                }
            }
        }
        guard (0.001...3600).contains(configuration.timeout), (0...86_400).contains(configuration.maxWait) else {
            throw SessionConfigurationError(message: "timeout must be 0.001 to 3600 s, and maxWait 0 to 86400 s")
        }
        self.configuration = configuration
        hooks = configuration.hooks
        exchange = Exchange(configuration)
        origins = Set(configuration.application.compactMap { Origin($0) })
    }

    /// Returns a session token, for what `data(for:)` does not send: WebSockets, gRPC, background
    /// transfers. It waits if there is no session, and throws `SessionError`, or
    /// `CancellationError` if the task is cancelled. The caller cannot report a refusal, so a
    /// session whose age is unknown is renewed first. With a key, a token alone is of no use: see
    /// `credentials`.
    public func token() async throws -> String {
        try await obtain(Call(deadline: hooks.now() + configuration.maxWait, replayable: false)).token
    }

    /// Returns the headers of one request to the application that `data(for:)` does not send:
    /// `Authorization` and, with a key, `DPoP`. They are for this method and URL, whose scheme may
    /// be ws or wss, and must be sent soon. Otherwise it is like `token`. Throws
    /// `SessionConfigurationError` if the URL is not the application's.
    public func credentials(method: String, url: URL) async throws -> [String: String] {
        guard let sent = Origin.requested(url), let origin = Origin(sent), origins.contains(origin) else {
            throw SessionConfigurationError(message: "the URL is not of an origin of the application")
        }
        let pass = try await obtain(Call(deadline: hooks.now() + configuration.maxWait, replayable: false))
        return try credentials(pass.token, pass.device).headers(method: method, url: sent, nonce: nil)
    }

    /// Sends a request with the session, like `URLSession.data(for:)`. If the application refuses
    /// the session with a 401, it renews or replaces the session and sends the request again, at
    /// most once for each of the two reasons, and once more if the time of the proof is refused. A
    /// request with an `httpBodyStream` is sent once. A request to another origin, or with an
    /// Authorization header of its own, is sent as it is.
    public func data(for request: URLRequest) async throws -> (Data, URLResponse) {
        guard let url = request.url, let origin = Origin(url), origins.contains(origin),
            request.value(forHTTPHeaderField: "Authorization") == nil
        else {
            return try await configuration.urlSession.data(for: request)
        }
        var call = Call(
            deadline: hooks.now() + configuration.maxWait,
            replayable: request.httpBodyStream == nil
        )
        var handled: Set<Rejection> = []
        var nonce: String?
        while true {
            let pass = try await obtain(call)
            let credentials = self.credentials(pass.token, pass.device)
            var authorized = request
            let headers = try credentials.headers(method: request.httpMethod ?? "GET", url: url, nonce: nonce)
            for (name, value) in headers { authorized.setValue(value, forHTTPHeaderField: name) }
            nonce = nil // it is for one proof
            let sent = hooks.now()
            let (data, response) = try await configuration.urlSession.data(
                for: authorized,
                delegate: ApplicationRedirects(credentials: credentials, origins: origins)
            )
            call.deadline += hooks.now() - sent // the application's time is no wait for a session
            // After a redirect, another server may have answered, which did not get the session.
            guard let answer = response as? HTTPURLResponse, let answered = answer.url.flatMap({ Origin($0) }),
                origins.contains(answered), let rejection = Rejection(answer)
            else {
                return (data, response)
            }
            if rejection == .nonceRequired, pass.device != nil {
                nonce = self.answer(Challenge(header: { answer.value(forHTTPHeaderField: $0) }))
            }
            guard handled.insert(rejection).inserted, nonce != nil || reject(pass.token, rejection), call.replayable
            else {
                return (data, response)
            }
        }
    }

    /// Forgets the session, the install ID if the client created it, and the key. A session that is
    /// being issued is dropped. Throws the error of a key that cannot be forgotten; the client then
    /// uses no key until it is, which it tries before each use. Or throws that of a storage that
    /// may still hold the session; the client has forgotten it even so, and tries with each use to
    /// remove it from there.
    public func signOut() throws {
        flight?.task.cancel()
        flight = nil
        expiredToken = nil
        due = nil
        provisional = false // what is stored must not return
        defer { resumeWaiters(.dropped) }
        do {
            try forgetKey()
        } catch {
            keep(Record())
            throw error
        }
        keep(Record())
        if let saveError { throw saveError }
    }
}

/// What one call of the app allows.
struct Call: Sendable {
    /// Until when it may wait.
    var deadline: TimeInterval
    /// Whether a 401 can be handled by sending the request again.
    let replayable: Bool
}
