import Foundation

/// What sessiond answered.
enum Answer: Sendable {
    case granted(Grant)
    /// 429 or 503.
    case refused(SessionError)
    case failed(SessionError)
    /// A 401 that asks for another proof.
    case challenged(SessionError, Challenge)
}

struct Grant: Sendable, Equatable {
    let token: String
    let refreshAfter: Int
    /// Seconds for which a limit has nothing remaining, so that no session is to be requested.
    let delay: TimeInterval
}

/// Sends one request for a session. It is bounded in time and size, follows no redirect, and uses
/// neither cookies nor a cache.
struct Exchange: Sendable {
    private static let largestBody = 64 * 1024

    let url: URL
    private let urlSession: URLSession
    private let appVersion: String
    private let platform: String
    private let substitute: (@Sendable (String, [String: String]) async -> Answer)?

    init(_ configuration: SessionClient.Configuration) {
        url = configuration.sessions.appendingPathComponent("v1/sessions/anonymous")
        urlSession = configuration.urlSession
        appVersion = configuration.appVersion
        platform = configuration.platform
        substitute = configuration.hooks.send
    }

    /// Sends the request with headers that prove who sends it, and waits for some seconds at most.
    func send(installID: String, headers: [String: String], within timeout: TimeInterval) async -> Answer {
        if let substitute { return await substitute(installID, headers) }
        var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: timeout)
        request.httpMethod = "POST"
        request.httpShouldHandleCookies = false
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        do {
            request.httpBody = try JSONEncoder().encode(
                ["install_id": installID, "app_version": appVersion, "platform": platform]
            )
            let prepared = request
            return try await finish(within: timeout) { try await receive(prepared) }
        } catch let error as SessionError {
            return .failed(error)
        } catch let error as URLError where error.code == .timedOut {
            return .failed(SessionError(code: SessionError.timeout))
        } catch {
            return .failed(SessionError(code: SessionError.unreachable))
        }
    }

    private func receive(_ request: URLRequest) async throws -> Answer {
        let (bytes, response) = try await urlSession.bytes(for: request, delegate: NoRedirects())
        defer { bytes.task.cancel() } // ends what was not read
        guard let head = response as? HTTPURLResponse else {
            throw SessionError(code: SessionError.unexpectedResponse)
        }
        var body = Data()
        for try await byte in bytes {
            body.append(byte)
            guard body.count <= Self.largestBody else {
                body = Data() // nothing of sessiond's is so large; the status and the headers count
                break
            }
        }
        return Answer(status: head.statusCode, header: { head.value(forHTTPHeaderField: $0) }, body: body)
    }

    /// The timeout of a URLRequest begins again with each packet. This one does not.
    private func finish(
        within timeout: TimeInterval,
        _ work: @escaping @Sendable () async throws -> Answer
    ) async throws -> Answer {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(nanoseconds: UInt64(timeout * 1_000_000_000))
                throw SessionError(code: SessionError.timeout)
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }
}

extension Answer {
    private struct Issued: Decodable {
        let session_token: String
        let refresh_after: Int
    }

    private struct Envelope: Decodable {
        struct Failure: Decodable {
            let code: String?
            let details: [Lenient]?

            enum CodingKeys: String, CodingKey {
                case code, details
            }

            init(from decoder: any Decoder) throws {
                let members = try decoder.container(keyedBy: CodingKeys.self)
                code = try? members.decode(String.self, forKey: .code)
                details = try? members.decode([Lenient].self, forKey: .details)
            }
        }

        /// A detail, or nil if it does not have the form of sessiond's.
        struct Lenient: Decodable {
            let detail: SessionError.Detail?

            enum CodingKeys: String, CodingKey {
                case field, rule, min, max
            }

            init(from decoder: any Decoder) throws {
                guard let members = try? decoder.container(keyedBy: CodingKeys.self),
                    let field = try? members.decode(String.self, forKey: .field), isCode(field),
                    let rule = try? members.decode(String.self, forKey: .rule), isCode(rule)
                else {
                    detail = nil
                    return
                }
                if let min = try? members.decode(Int.self, forKey: .min), min >= 0,
                    let max = try? members.decode(Int.self, forKey: .max), max >= 0
                {
                    detail = SessionError.Detail(field: field, rule: rule, min: min, max: max)
                } else {
                    detail = SessionError.Detail(field: field, rule: rule, min: nil, max: nil)
                }
            }
        }

        let error: Failure
    }

    init(status: Int, header: (String) -> String?, body: Data) {
        let requestID = header("X-Request-ID").flatMap { Record.isToken($0) && $0.utf8.count <= 128 ? $0 : nil }
        if status == 200 {
            guard let issued = try? JSONDecoder().decode(Issued.self, from: body),
                Record.isToken(issued.session_token), Record.isRefreshAfter(issued.refresh_after)
            else {
                self = .failed(
                    SessionError(code: SessionError.unexpectedResponse, status: status, requestID: requestID)
                )
                return
            }
            self = .granted(Grant(
                token: issued.session_token,
                refreshAfter: issued.refresh_after,
                delay: TimeInterval(spentFor(header("RateLimit") ?? ""))
            ))
            return
        }
        let failure = (try? JSONDecoder().decode(Envelope.self, from: body))?.error
        let codes = [header("X-Error-Code").map(firstElement), failure?.code].compactMap { $0 }
        let isRefusal = status == 429 || status == 503
        let error = SessionError(
            code: codes.first { status >= 400 && isCode($0) } ?? SessionError.unexpectedResponse,
            status: status,
            details: (failure?.details ?? []).prefix(16).compactMap { $0.detail },
            retryAfter: isRefusal ? longestWait(header("Retry-After") ?? "") : nil,
            requestID: requestID
        )
        // A proxy may have dropped the code, and not the challenge.
        let reason = Rejection(code: header("X-Error-Code"), challenge: header("WWW-Authenticate"))
        if status == 401, error.code == Challenge.code || reason == .nonceRequired {
            self = .challenged(error, Challenge(header: header))
        } else {
            self = isRefusal ? .refused(error) : .failed(error)
        }
    }
}

private func isCode(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (97...122).contains($0) }
}

/// Returns the first element of a header: two servers may each have set it.
func firstElement(_ header: String) -> String {
    let first = header.split(separator: ",", omittingEmptySubsequences: false).first ?? ""
    return first.trimmingCharacters(in: .whitespaces)
}

/// Returns the longest wait of a Retry-After header, to which each proxy may add one, or nil.
func longestWait(_ retryAfter: String) -> Int? {
    retryAfter.split(separator: ",").compactMap { wholeSeconds($0.trimmingCharacters(in: .whitespaces)) }.max()
}

/// Returns a number of seconds of at least one, or nil if the text is a date or nonsense. More than
/// two days count as two days: sessiond asks for two of its windows at most, each at most a day.
func wholeSeconds(_ text: String) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return min(max(Int(text) ?? .max, 1), 2 * 24 * 60 * 60)
}

/// Returns the longest wait of the limits in a RateLimit header that have nothing remaining.
func spentFor(_ rateLimit: String) -> Int {
    // Without the names of the limits, which may hold anything.
    let limits = rateLimit.replacingOccurrences(of: "\"[^\"]*\"", with: "", options: .regularExpression)
    return limits.split(separator: ",").map { limit -> Int in
        let members = limit.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
        guard members.contains("r=0"), let reset = members.first(where: { $0.hasPrefix("t=") }) else { return 0 }
        return wholeSeconds(String(reset.dropFirst(2))) ?? 0
    }.max() ?? 0
}
