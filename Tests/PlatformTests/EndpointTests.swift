import HAL
import Testing

@Suite("Endpoints as text (RFC 4291, §2.2; RFC 5952, §4)")
struct EndpointTests {
  @Test(
    "what is read is printed again in one form",
    arguments: [
      ("127.0.0.1:4000", "127.0.0.1:4000"), ("0.0.0.0:1", "0.0.0.0:1"), ("255.255.255.255:65535", nil),
      ("[::1]:4000", nil), ("[::]:1", nil), ("[1::]:1", nil), ("[2001:db8::8:800:200c:417a]:9", nil),
      ("[2001:DB8:0:0:8:800:200C:417A]:9", "[2001:db8::8:800:200c:417a]:9"), ("[1:2:3:4:5:6:7:8]:9", nil),
      ("[0:0:0:0:0:0:0:1]:9", "[::1]:9"), ("[1:0:0:2:0:0:0:3]:9", "[1:0:0:2::3]:9"),
      ("[1:0:0:2:0:0:3:4]:9", "[1::2:0:0:3:4]:9"), ("[1:0:2:3:4:5:6:7]:9", nil),
      ("[1::3:4:5:6:7:8]:9", "[1:0:3:4:5:6:7:8]:9"),
      ("[::ffff:7f00:1]:9", "127.0.0.1:9"), ("[1:2:3:4:5:6:7::]:9", "[1:2:3:4:5:6:7:0]:9"),
    ] as [(String, String?)])
  func read(text: String, printed: String?) throws {
    let endpoint = try #require(Endpoint(text))
    #expect("\(endpoint)" == printed ?? text)
    #expect(Endpoint("\(endpoint)") == endpoint)
  }

  @Test("the address is in network order")
  func order() throws {
    let endpoint = try #require(Endpoint("[102:304::f0e]:258"))
    var bytes: [UInt8] = []
    for index in 0..<16 { bytes.append(endpoint.address[index]) }
    #expect(bytes == [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 14])
    #expect(endpoint.port == 258)
    #expect(Endpoint("1.2.3.4:5") == Endpoint(ipv4: 1, 2, 3, 4, port: 5))
  }

  @Test(
    "anything else is refused",
    arguments: [
      "", ":", "1", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:+80", "1.2.3.4:080", "1.2.3.4: 80",
      "1.2.3:80", "1.2.3.4.5:80", "1.2.3.256:80", "1.2.3.04:80", "1.2..4:80", "+1.2.3.4:80", "a.b.c.d:80",
      "localhost:80", "::1:80", "[]:80", "[::1]", "[::1]:", "[::1]80", "[:]:80", "[:::]:80", "[1::2::3]:80",
      "[1:2:3:4:5:6:7]:80", "[1:2:3:4:5:6:7:8:9]:80", "[1:2:3:4:5:6:7:8::]:80", "[12345::]:80", "[g::]:80",
      "[:1::]:80", "[1:]:80", "[:1]:80", "[fe80::1%eth0]:80", "[1.2.3.4]:80", "99999999999999999999:1",
    ])
  func refused(text: String) { #expect(Endpoint(text) == nil) }
}
