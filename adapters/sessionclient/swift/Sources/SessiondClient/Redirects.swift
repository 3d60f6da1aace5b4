import Foundation

/// Sends the session with a redirect within the application, and to no other origin.
final class ApplicationRedirects: NSObject, URLSessionTaskDelegate, @unchecked Sendable {
    private let credentials: Credentials
    private let origins: Set<Origin>

    init(credentials: Credentials, origins: Set<Origin>) {
        self.credentials = credentials
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
        var headers: [String: String]?
        if let url = next.url, let origin = Origin(url), origins.contains(origin) {
            // If the key fails, the next server answers with a 401.
            headers = try? credentials.headers(method: next.httpMethod ?? "GET", url: url, nonce: nil)
        }
        for name in ["Authorization", "DPoP"] { next.setValue(headers?[name], forHTTPHeaderField: name) }
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
