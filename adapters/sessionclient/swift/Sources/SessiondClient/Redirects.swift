import Foundation

/// Sends the session with a redirect within the application, and to no other origin.
final class ApplicationRedirects: NSObject, URLSessionTaskDelegate, @unchecked Sendable {
    private let token: String
    private let origins: Set<Origin>

    init(token: String, origins: Set<Origin>) {
        self.token = token
        self.origins = origins
    }

    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping (URLRequest?) -> Void
    ) {
        var next = request
        let inside = next.url.flatMap { Origin($0) }.map { origins.contains($0) } ?? false
        next.setValue(inside ? "Bearer \(token)" : nil, forHTTPHeaderField: "Authorization")
        completionHandler(next)
    }
}

/// Has URLSession return a redirect in place of following it.
final class NoRedirects: NSObject, URLSessionTaskDelegate, @unchecked Sendable {
    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }
}
