// Printed by Tests/Oracles/modulus_vectors.py --swift; do not edit.

/// A 3072-bit key, and the digest of the proof of its modulus. Hexadecimal, big-endian.
enum ModulusVectors {
  static let p =
    "d26ae39f25992dac44e07fdf458b8843e9ef07c94a3f3ab509398c64854b6833b81efdad25221d5e5939d6cd6849b84a"
    + "1db75c71deb09dda48b85d4e1f89c55bcf13105153895a08055fa72c3bfb8a4cea4d2e756da3a70ed421537fc930b7f9"
    + "84b1872b7c6c890ea6bae42a95df78960c7fe9acdd62318b96af35c08ebc6390814ee97ccbce46285e970f08b489ec37"
    + "b06aabea5466bddc067066b27a463c6f51398207a63e06d5cbfe865759add3bfb64c574fccb1eb037dd0aa86fca9e9e7"
  static let q =
    "e518290ecdc9ed7b156f8fe0af67b07150c9890687c4c55072e9dbba004f8ae1b6b30ed5b20671eac27b037c8bdc6eb0"
    + "a98fe89c64a127c761b74d1fe5d0594d52f2be9be516ac857e7bdd818be28d7a7045f28bb7cd2dde94bd0d835787325d"
    + "2454b211e27e99e54b6946b001704507bdab3bc5c2b5ad2f307d5b043f5deea9a65d06bb3e231c471891ebfe459e1178"
    + "f629e9a70b8d9c206417c08480e67f94affe670c6c69f22173d4ea7aa2a809608b445b2193f18c62d845b66f0e132663"
  static let proofDigest =
    "99c2521fdb5cf93c13a2023881dd2d729ec7a5ff88216008b6aa170d53861853"
}
