// Made from Devices/*.ini by Toolchain/embed-devices.sh, which `make build` runs. Change those.

extension BuiltInDevices {
  /// File names and texts, sorted.
  static let files: [(name: StaticString, text: StaticString)] = [
    (
      "abb-b21.ini",
      #"""





      [device]
      name = abb-b21
      title = ABB B21 and A41
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 9600
      parity = even

      [counter]
      ratedPowerWatts = 23000
      quantumMilliwattHours = 10000

      [identity]

      0x8960 = text2 "B21"|"A41"
      serial = 0x8900 u32

      [ranges]
      voltage = 0...500 V
      current = -200...200 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -46000...46000 W
      activeEnergyImport = 0...100000000 kWh
      activeEnergyExport = 0...100000000 kWh

      [points]
      voltage.1 = 0x5B00 u32 V x0.1 sentinel=0xFFFFFFFF
      current.1 = 0x5B0C u32 A x0.01 sentinel=0xFFFFFFFF
      activePower.0 = 0x5B14 i32 W x0.01 sentinel=0x7FFFFFFF
      frequency.0 = 0x5B2C u16 Hz x0.01 sentinel=0xFFFF
      powerFactor.0 = 0x5B3A i16 1 x0.001 sentinel=0x7FFF
      activeEnergyImport.0 = 0x5000 u64 kWh x0.01 sentinel=0xFFFFFFFFFFFFFFFF
      activeEnergyExport.0 = 0x5004 u64 kWh x0.01 optional sentinel=0xFFFFFFFFFFFFFFFF

      """#
    ),
    (
      "abb-b23.ini",
      #"""





      [device]
      name = abb-b23
      title = ABB B23, B24 and A43, A44
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 9600
      parity = even

      [counter]
      ratedPowerWatts = 69000
      quantumMilliwattHours = 10000

      [identity]

      0x8960 = text2 "B23"|"B24"|"A43"|"A44"
      serial = 0x8900 u32

      [ranges]
      voltage = 0...500 V
      current = -600...600 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -138000...138000 W
      activeEnergyImport = 0...100000000 kWh
      activeEnergyExport = 0...100000000 kWh

      [points]
      voltage.1 = 0x5B00 u32 V x0.1 sentinel=0xFFFFFFFF
      voltage.2 = 0x5B02 u32 V x0.1 sentinel=0xFFFFFFFF
      voltage.3 = 0x5B04 u32 V x0.1 sentinel=0xFFFFFFFF
      current.1 = 0x5B0C u32 A x0.01 sentinel=0xFFFFFFFF
      current.2 = 0x5B0E u32 A x0.01 sentinel=0xFFFFFFFF
      current.3 = 0x5B10 u32 A x0.01 sentinel=0xFFFFFFFF
      activePower.0 = 0x5B14 i32 W x0.01 sentinel=0x7FFFFFFF
      activePower.1 = 0x5B16 i32 W x0.01 sentinel=0x7FFFFFFF
      activePower.2 = 0x5B18 i32 W x0.01 sentinel=0x7FFFFFFF
      activePower.3 = 0x5B1A i32 W x0.01 sentinel=0x7FFFFFFF
      frequency.0 = 0x5B2C u16 Hz x0.01 sentinel=0xFFFF
      powerFactor.0 = 0x5B3A i16 1 x0.001 sentinel=0x7FFF
      powerFactor.1 = 0x5B3B i16 1 x0.001 sentinel=0x7FFF
      powerFactor.2 = 0x5B3C i16 1 x0.001 sentinel=0x7FFF
      powerFactor.3 = 0x5B3D i16 1 x0.001 sentinel=0x7FFF
      activeEnergyImport.0 = 0x5000 u64 kWh x0.01 sentinel=0xFFFFFFFFFFFFFFFF
      activeEnergyImport.1 = 0x5460 u64 kWh x0.01 optional sentinel=0xFFFFFFFFFFFFFFFF
      activeEnergyImport.2 = 0x5464 u64 kWh x0.01 optional sentinel=0xFFFFFFFFFFFFFFFF
      activeEnergyImport.3 = 0x5468 u64 kWh x0.01 optional sentinel=0xFFFFFFFFFFFFFFFF
      activeEnergyExport.0 = 0x5004 u64 kWh x0.01 optional sentinel=0xFFFFFFFFFFFFFFFF
      activeEnergyExport.1 = 0x546C u64 kWh x0.01 optional sentinel=0xFFFFFFFFFFFFFFFF
      activeEnergyExport.2 = 0x5470 u64 kWh x0.01 optional sentinel=0xFFFFFFFFFFFFFFFF
      activeEnergyExport.3 = 0x5474 u64 kWh x0.01 optional sentinel=0xFFFFFFFFFFFFFFFF

      """#
    ),
    (
      "carlo-gavazzi-em100.ini",
      #"""



      [device]
      name = carlo-gavazzi-em100
      title = Carlo Gavazzi EM111, EM112 and ET112
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 11
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 45000
      quantumMilliwattHours = 100000

      [check]

      0x000F = u16 450...650
      0x0000 = i32 400...5000

      [ranges]
      voltage = 0...500 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      activePower = -90000...90000 W
      reactivePower = -90000...90000 var
      apparentPower = -90000...90000 VA
      activeEnergyImport = 0...214748365 kWh
      activeEnergyExport = 0...214748365 kWh

      [points]
      voltage.1 = 0x0000 i32 V x0.1 sentinel=0x7FFFFFFF
      current.1 = 0x0002 i32 A x0.001 sentinel=0x7FFFFFFF
      activePower.0 = 0x0004 i32 W x0.1 sentinel=0x7FFFFFFF
      apparentPower.0 = 0x0006 i32 VA x0.1 sentinel=0x7FFFFFFF
      reactivePower.0 = 0x0008 i32 var x0.1 sentinel=0x7FFFFFFF
      frequency.0 = 0x000F u16 Hz x0.1 sentinel=0x7FFF|0xFFFF
      activeEnergyImport.0 = 0x0010 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyExport.0 = 0x0020 i32 kWh x0.1 sentinel=0x7FFFFFFF optional

      """#
    ),
    (
      "carlo-gavazzi-em24-e1.ini",
      #"""




      [device]
      name = carlo-gavazzi-em24-e1
      title = Carlo Gavazzi EM24 E1 (Ethernet)
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 45000
      quantumMilliwattHours = 100000

      [identity]

      0x000B = u16 1648...1653
      0xA000 = u16 7 holding
      serial = 0x5000 text7 holding

      [ranges]
      voltage = 0...500 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -90000...90000 W
      activeEnergyImport = 0...214748365 kWh
      activeEnergyExport = 0...214748365 kWh

      [points]
      voltage.1 = 0x0000 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.2 = 0x0002 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.3 = 0x0004 i32 V x0.1 sentinel=0x7FFFFFFF
      current.1 = 0x000C i32 A x0.001 sentinel=0x7FFFFFFF
      current.2 = 0x000E i32 A x0.001 sentinel=0x7FFFFFFF
      current.3 = 0x0010 i32 A x0.001 sentinel=0x7FFFFFFF
      activePower.0 = 0x0028 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.1 = 0x0012 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.2 = 0x0014 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.3 = 0x0016 i32 W x0.1 sentinel=0x7FFFFFFF
      powerFactor.1 = 0x002E i16 1 x0.001 sentinel=0x7FFF
      powerFactor.2 = 0x002F i16 1 x0.001 sentinel=0x7FFF
      powerFactor.3 = 0x0030 i16 1 x0.001 sentinel=0x7FFF
      frequency.0 = 0x0033 u16 Hz x0.1 sentinel=0x7FFF|0xFFFF
      activeEnergyImport.0 = 0x0034 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.1 = 0x0040 i32 kWh x0.1 sentinel=0x7FFFFFFF optional
      activeEnergyImport.2 = 0x0042 i32 kWh x0.1 sentinel=0x7FFFFFFF optional
      activeEnergyImport.3 = 0x0044 i32 kWh x0.1 sentinel=0x7FFFFFFF optional
      activeEnergyExport.0 = 0x004E i32 kWh x0.1 sentinel=0x7FFFFFFF optional

      """#
    ),
    (
      "carlo-gavazzi-em24.ini",
      #"""



      [device]
      name = carlo-gavazzi-em24
      title = Carlo Gavazzi EM24 (RS-485)
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 11
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 45000
      quantumMilliwattHours = 100000

      [check]

      0x0037 = i16 450...650
      0x0000 = i32 400...6000
      0x0002 = i32 400...6000
      0x0004 = i32 400...6000

      [ranges]
      voltage = 0...600 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -90000...90000 W
      activeEnergyImport = 0...214748365 kWh
      activeEnergyExport = 0...214748365 kWh

      [points]
      voltage.1 = 0x0000 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.2 = 0x0002 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.3 = 0x0004 i32 V x0.1 sentinel=0x7FFFFFFF
      current.1 = 0x000C i32 A x0.001 sentinel=0x7FFFFFFF
      current.2 = 0x000E i32 A x0.001 sentinel=0x7FFFFFFF
      current.3 = 0x0010 i32 A x0.001 sentinel=0x7FFFFFFF
      activePower.1 = 0x0012 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.2 = 0x0014 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.3 = 0x0016 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.0 = 0x0028 i32 W x0.1 sentinel=0x7FFFFFFF
      powerFactor.1 = 0x0032 i16 1 x0.001 sentinel=0x7FFF
      powerFactor.2 = 0x0033 i16 1 x0.001 sentinel=0x7FFF
      powerFactor.3 = 0x0034 i16 1 x0.001 sentinel=0x7FFF
      frequency.0 = 0x0037 i16 Hz x0.1 sentinel=0x7FFF
      activeEnergyImport.0 = 0x003E i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.1 = 0x0046 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.2 = 0x0048 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.3 = 0x004A i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyExport.0 = 0x005C i32 kWh x0.1 sentinel=0x7FFFFFFF

      """#
    ),
    (
      "carlo-gavazzi-em340.ini",
      #"""


      [device]
      name = carlo-gavazzi-em340
      title = Carlo Gavazzi EM340
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 11
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 45000
      quantumMilliwattHours = 100000

      [check]

      0x0033 = i16 450...650
      0x0000 = i32 400...6000
      0x0002 = i32 400...6000
      0x0004 = i32 400...6000

      [ranges]
      voltage = 0...600 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -90000...90000 W
      activeEnergyImport = 0...214748365 kWh
      activeEnergyExport = 0...214748365 kWh

      [points]
      voltage.1 = 0x0000 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.2 = 0x0002 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.3 = 0x0004 i32 V x0.1 sentinel=0x7FFFFFFF
      current.1 = 0x000C i32 A x0.001 sentinel=0x7FFFFFFF
      current.2 = 0x000E i32 A x0.001 sentinel=0x7FFFFFFF
      current.3 = 0x0010 i32 A x0.001 sentinel=0x7FFFFFFF
      activePower.1 = 0x0012 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.2 = 0x0014 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.3 = 0x0016 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.0 = 0x0028 i32 W x0.1 sentinel=0x7FFFFFFF
      powerFactor.1 = 0x002E i16 1 x0.001 sentinel=0x7FFF
      powerFactor.2 = 0x002F i16 1 x0.001 sentinel=0x7FFF
      powerFactor.3 = 0x0030 i16 1 x0.001 sentinel=0x7FFF
      frequency.0 = 0x0033 i16 Hz x0.1 sentinel=0x7FFF
      activeEnergyImport.0 = 0x0034 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.1 = 0x0040 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.2 = 0x0042 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.3 = 0x0044 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyExport.0 = 0x004E i32 kWh x0.1 sentinel=0x7FFFFFFF

      """#
    ),
    (
      "carlo-gavazzi-em530.ini",
      #"""




      [device]
      name = carlo-gavazzi-em530
      title = Carlo Gavazzi EM530 and EM540
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 50
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 45000
      quantumMilliwattHours = 100000

      [check]

      0x0033 = u16 450...650
      0x0000 = i32 400...5000
      0x0002 = i32 400...5000
      0x0004 = i32 400...5000

      [ranges]
      voltage = 0...500 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -90000...90000 W
      activeEnergyImport = 0...214748365 kWh
      activeEnergyExport = 0...214748365 kWh

      [points]
      voltage.1 = 0x0000 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.2 = 0x0002 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.3 = 0x0004 i32 V x0.1 sentinel=0x7FFFFFFF
      current.1 = 0x000C i32 A x0.001 sentinel=0x7FFFFFFF
      current.2 = 0x000E i32 A x0.001 sentinel=0x7FFFFFFF
      current.3 = 0x0010 i32 A x0.001 sentinel=0x7FFFFFFF
      activePower.0 = 0x0028 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.1 = 0x0012 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.2 = 0x0014 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.3 = 0x0016 i32 W x0.1 sentinel=0x7FFFFFFF
      powerFactor.1 = 0x002E i16 1 x0.001 sentinel=0x7FFF
      powerFactor.2 = 0x002F i16 1 x0.001 sentinel=0x7FFF
      powerFactor.3 = 0x0030 i16 1 x0.001 sentinel=0x7FFF
      frequency.0 = 0x0033 u16 Hz x0.1 sentinel=0x7FFF|0xFFFF
      activeEnergyImport.0 = 0x0034 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.1 = 0x0040 i32 kWh x0.1 sentinel=0x7FFFFFFF optional
      activeEnergyImport.2 = 0x0042 i32 kWh x0.1 sentinel=0x7FFFFFFF optional
      activeEnergyImport.3 = 0x0044 i32 kWh x0.1 sentinel=0x7FFFFFFF optional
      activeEnergyExport.0 = 0x004E i32 kWh x0.1 sentinel=0x7FFFFFFF optional

      """#
    ),
    (
      "carlo-gavazzi-et340.ini",
      #"""


      [device]
      name = carlo-gavazzi-et340
      title = Carlo Gavazzi ET340
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 11
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 345000
      quantumMilliwattHours = 100000

      [check]

      0x0033 = i16 450...650
      0x0000 = i32 400...6000
      0x0002 = i32 400...6000
      0x0004 = i32 400...6000

      [ranges]
      voltage = 0...600 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -690000...690000 W
      activeEnergyImport = 0...214748365 kWh
      activeEnergyExport = 0...214748365 kWh

      [points]
      voltage.1 = 0x0000 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.2 = 0x0002 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.3 = 0x0004 i32 V x0.1 sentinel=0x7FFFFFFF
      current.1 = 0x000C i32 A x0.001 sentinel=0x7FFFFFFF
      current.2 = 0x000E i32 A x0.001 sentinel=0x7FFFFFFF
      current.3 = 0x0010 i32 A x0.001 sentinel=0x7FFFFFFF
      activePower.1 = 0x0012 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.2 = 0x0014 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.3 = 0x0016 i32 W x0.1 sentinel=0x7FFFFFFF
      activePower.0 = 0x0028 i32 W x0.1 sentinel=0x7FFFFFFF
      powerFactor.1 = 0x002E i16 1 x0.001 sentinel=0x7FFF
      powerFactor.2 = 0x002F i16 1 x0.001 sentinel=0x7FFF
      powerFactor.3 = 0x0030 i16 1 x0.001 sentinel=0x7FFF
      frequency.0 = 0x0033 i16 Hz x0.1 sentinel=0x7FFF
      activeEnergyImport.0 = 0x0034 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.1 = 0x0040 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.2 = 0x0042 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.3 = 0x0044 i32 kWh x0.1 sentinel=0x7FFFFFFF
      activeEnergyExport.0 = 0x004E i32 kWh x0.1 sentinel=0x7FFFFFFF

      """#
    ),
    (
      "chint-ddsu666.ini",
      #"""



      [device]
      name = chint-ddsu666
      title = Chint DDSU666
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 23000
      quantumMilliwattHours = 10000

      [check]

      0x200E = f32 45...65
      0x2000 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -200...200 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -46000...46000 W
      reactivePower = -46000...46000 var
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]
      registers = 0x2000-0x200F

      [points]
      voltage.1 = 0x2000 f32 V
      current.1 = 0x2002 f32 A
      activePower.0 = 0x2004 f32 kW
      reactivePower.0 = 0x2006 f32 kvar
      powerFactor.0 = 0x200A f32 1
      frequency.0 = 0x200E f32 Hz
      activeEnergyImport.0 = 0x4000 f32 kWh
      activeEnergyExport.0 = 0x400A f32 kWh optional

      """#
    ),
    (
      "chint-dtsu666.ini",
      #"""


      [device]
      name = chint-dtsu666
      title = Chint DTSU666
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 55200
      quantumMilliwattHours = 10000

      [check]

      0x2044 = f32 4500...6500
      0x2006 = f32 400...5000
      0x2008 = f32 400...5000
      0x200A = f32 400...5000

      [ranges]
      voltage = 0...500 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -5000000...5000000 W
      reactivePower = -5000000...5000000 var
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]
      registers = 0x2000-0x2045

      [points]
      voltage.1 = 0x2006 f32 V x0.1
      voltage.2 = 0x2008 f32 V x0.1
      voltage.3 = 0x200A f32 V x0.1
      current.1 = 0x200C f32 A x0.001
      current.2 = 0x200E f32 A x0.001
      current.3 = 0x2010 f32 A x0.001
      activePower.0 = 0x2012 f32 W x0.1
      activePower.1 = 0x2014 f32 W x0.1
      activePower.2 = 0x2016 f32 W x0.1
      activePower.3 = 0x2018 f32 W x0.1
      reactivePower.0 = 0x201A f32 var x0.1
      reactivePower.1 = 0x201C f32 var x0.1
      reactivePower.2 = 0x201E f32 var x0.1
      reactivePower.3 = 0x2020 f32 var x0.1
      powerFactor.0 = 0x202A f32 1 x0.001
      powerFactor.1 = 0x202C f32 1 x0.001
      powerFactor.2 = 0x202E f32 1 x0.001
      powerFactor.3 = 0x2030 f32 1 x0.001
      frequency.0 = 0x2044 f32 Hz x0.01
      activeEnergyImport.0 = 0x101E f32 kWh
      activeEnergyExport.0 = 0x1028 f32 kWh

      """#
    ),
    (
      "deye-hybrid-1p.ini",
      #"""





      [device]
      name = deye-hybrid-1p
      title = Deye and Sunsynk hybrid, one phase
      kind = meter
      function = 3
      order = cdab
      maximumRegisters = 60
      gapMilliseconds = 20
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 16000
      quantumMilliwattHours = 100000

      [identity]

      0 = u16 3|768
      1 = u16 1...247
      serial = 3 text5

      [ranges]
      voltage = 0...500 V
      current = -150...150 A
      frequency = 40...70 Hz
      activePower = -32000...32000 W
      activeEnergyImport = 0...429496730 kWh
      activeEnergyExport = 0...429496730 kWh

      [readable]
      registers = 78-82

      [points]
      voltage.1 = 150 u16 V x0.1
      current.1 = 160 i16 A x0.01
      activePower.0 = 169 i16 W
      frequency.0 = 79 u16 Hz x0.01
      activeEnergyImport.0 = 78 u32 kWh x0.1 high=80
      activeEnergyExport.0 = 81 u32 kWh x0.1 order=cdab

      """#
    ),
    (
      "deye-hybrid-3p.ini",
      #"""







      [device]
      name = deye-hybrid-3p
      title = Deye and Sunsynk hybrid, three phases, low-voltage battery
      kind = meter
      function = 3
      order = cdab
      maximumRegisters = 60
      gapMilliseconds = 20
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 30000
      quantumMilliwattHours = 100000

      [identity]

      0 = u16 5|1280
      1 = u16 1...247
      serial = 3 text5

      [ranges]
      voltage = 0...500 V
      current = -300...300 A
      frequency = 40...70 Hz
      activePower = -32767...32767 W
      activeEnergyImport = 0...429496730 kWh
      activeEnergyExport = 0...429496730 kWh

      [readable]
      registers = 598-625

      [points]
      voltage.1 = 598 u16 V x0.1
      voltage.2 = 599 u16 V x0.1
      voltage.3 = 600 u16 V x0.1
      current.1 = 613 i16 A x0.01
      current.2 = 614 i16 A x0.01
      current.3 = 615 i16 A x0.01
      activePower.0 = 625 i16 W
      activePower.1 = 622 i16 W
      activePower.2 = 623 i16 W
      activePower.3 = 624 i16 W
      frequency.0 = 609 u16 Hz x0.01
      activeEnergyImport.0 = 522 u32 kWh x0.1
      activeEnergyExport.0 = 524 u32 kWh x0.1

      """#
    ),
    (
      "eastron-sdm120.ini",
      #"""



      [device]
      name = eastron-sdm120
      title = Eastron SDM120
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 60

      gapMilliseconds = 100
      baud = 2400
      parity = none

      [counter]
      ratedPowerWatts = 10350

      quantumMilliwattHours = 1000

      [check]

      0x0046 = f32 45...65
      0x0000 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -150...150 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -20700...20700 W
      reactivePower = -20700...20700 var
      apparentPower = -20700...20700 VA
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]

      registers = 0x0000-0x0001

      [points]
      voltage.1 = 0x0000 f32 V
      current.1 = 0x0006 f32 A
      activePower.0 = 0x000C f32 W
      apparentPower.0 = 0x0012 f32 VA
      reactivePower.0 = 0x0018 f32 var
      powerFactor.0 = 0x001E f32 1
      frequency.0 = 0x0046 f32 Hz
      activeEnergyImport.0 = 0x0048 f32 kWh
      activeEnergyExport.0 = 0x004A f32 kWh

      """#
    ),
    (
      "eastron-sdm220.ini",
      #"""





      [device]
      name = eastron-sdm220
      title = Eastron SDM220
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 100
      baud = 2400
      parity = none

      [counter]
      ratedPowerWatts = 23000
      quantumMilliwattHours = 1000

      [check]

      0x0046 = f32 45...65
      0x0000 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -200...200 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -46000...46000 W
      reactivePower = -46000...46000 var
      apparentPower = -46000...46000 VA
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [points]
      voltage.1 = 0x0000 f32 V
      current.1 = 0x0006 f32 A
      activePower.0 = 0x000C f32 W
      apparentPower.0 = 0x0012 f32 VA
      reactivePower.0 = 0x0018 f32 var
      powerFactor.0 = 0x001E f32 1
      frequency.0 = 0x0046 f32 Hz
      activeEnergyImport.0 = 0x0048 f32 kWh
      activeEnergyExport.0 = 0x004A f32 kWh

      """#
    ),
    (
      "eastron-sdm230.ini",
      #"""



      [device]
      name = eastron-sdm230
      title = Eastron SDM230
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 60

      gapMilliseconds = 100
      baud = 2400
      parity = none

      [counter]
      ratedPowerWatts = 23000

      quantumMilliwattHours = 1000

      [check]

      0x0046 = f32 45...65
      0x0000 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -150...150 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -46000...46000 W
      reactivePower = -46000...46000 var
      apparentPower = -46000...46000 VA
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]

      registers = 0x0000-0x0001

      [points]
      voltage.1 = 0x0000 f32 V
      current.1 = 0x0006 f32 A
      activePower.0 = 0x000C f32 W
      apparentPower.0 = 0x0012 f32 VA
      reactivePower.0 = 0x0018 f32 var
      powerFactor.0 = 0x001E f32 1
      frequency.0 = 0x0046 f32 Hz
      activeEnergyImport.0 = 0x0048 f32 kWh
      activeEnergyExport.0 = 0x004A f32 kWh

      """#
    ),
    (
      "eastron-sdm54.ini",
      #"""





      [device]
      name = eastron-sdm54
      title = Eastron SDM54
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 100
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 69000
      quantumMilliwattHours = 1000

      [check]

      0x0046 = f32 45...65
      0x0000 = f32 40...500
      0x0002 = f32 40...500
      0x0004 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -600...600 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -138000...138000 W
      reactivePower = -138000...138000 var
      apparentPower = -138000...138000 VA
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]
      registers = 0x0000-0x0011, 0x0034-0x003F

      [points]
      voltage.1 = 0x0000 f32 V
      voltage.2 = 0x0002 f32 V
      voltage.3 = 0x0004 f32 V
      current.1 = 0x0006 f32 A
      current.2 = 0x0008 f32 A
      current.3 = 0x000A f32 A
      activePower.0 = 0x0034 f32 W
      activePower.1 = 0x000C f32 W
      activePower.2 = 0x000E f32 W
      activePower.3 = 0x0010 f32 W
      apparentPower.0 = 0x0038 f32 VA
      reactivePower.0 = 0x003C f32 var
      powerFactor.0 = 0x003E f32 1
      frequency.0 = 0x0046 f32 Hz
      activeEnergyImport.0 = 0x0048 f32 kWh
      activeEnergyImport.1 = 0x015A f32 kWh optional
      activeEnergyImport.2 = 0x015C f32 kWh optional
      activeEnergyImport.3 = 0x015E f32 kWh optional
      activeEnergyExport.0 = 0x004A f32 kWh
      activeEnergyExport.1 = 0x0160 f32 kWh optional
      activeEnergyExport.2 = 0x0162 f32 kWh optional
      activeEnergyExport.3 = 0x0164 f32 kWh optional

      """#
    ),
    (
      "eastron-sdm630.ini",
      #"""



      [device]
      name = eastron-sdm630
      title = Eastron SDM630
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 60

      gapMilliseconds = 100
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 69000

      quantumMilliwattHours = 1000

      [check]

      0x0046 = f32 45...65
      0x0000 = f32 40...500
      0x0002 = f32 40...500
      0x0004 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -150...150 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -138000...138000 W
      reactivePower = -138000...138000 var
      apparentPower = -138000...138000 VA
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]

      registers = 0x0000-0x0047, 0x0048-0x004B

      [points]
      voltage.1 = 0x0000 f32 V
      voltage.2 = 0x0002 f32 V
      voltage.3 = 0x0004 f32 V
      current.1 = 0x0006 f32 A
      current.2 = 0x0008 f32 A
      current.3 = 0x000A f32 A
      activePower.1 = 0x000C f32 W
      activePower.2 = 0x000E f32 W
      activePower.3 = 0x0010 f32 W
      activePower.0 = 0x0034 f32 W
      apparentPower.0 = 0x0038 f32 VA
      reactivePower.0 = 0x003C f32 var
      powerFactor.0 = 0x003E f32 1
      frequency.0 = 0x0046 f32 Hz
      activeEnergyImport.0 = 0x0048 f32 kWh
      activeEnergyExport.0 = 0x004A f32 kWh

      """#
    ),
    (
      "eastron-sdm72-v2.ini",
      #"""





      [device]
      name = eastron-sdm72-v2
      title = Eastron SDM72D-M v2
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 100
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 69000
      quantumMilliwattHours = 1000

      [check]

      0x0046 = f32 45...65
      0x0000 = f32 40...500
      0x0002 = f32 40...500
      0x0004 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -600...600 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -138000...138000 W
      reactivePower = -138000...138000 var
      apparentPower = -138000...138000 VA
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]
      registers = 0x0000-0x0011, 0x0034-0x003F

      [points]
      voltage.1 = 0x0000 f32 V
      voltage.2 = 0x0002 f32 V
      voltage.3 = 0x0004 f32 V
      current.1 = 0x0006 f32 A
      current.2 = 0x0008 f32 A
      current.3 = 0x000A f32 A
      activePower.0 = 0x0034 f32 W
      activePower.1 = 0x000C f32 W
      activePower.2 = 0x000E f32 W
      activePower.3 = 0x0010 f32 W
      apparentPower.0 = 0x0038 f32 VA
      reactivePower.0 = 0x003C f32 var
      powerFactor.0 = 0x003E f32 1
      frequency.0 = 0x0046 f32 Hz
      activeEnergyImport.0 = 0x0048 f32 kWh
      activeEnergyExport.0 = 0x004A f32 kWh

      """#
    ),
    (
      "eastron-sdm72.ini",
      #"""



      [device]
      name = eastron-sdm72
      title = Eastron SDM72
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 60

      gapMilliseconds = 100
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 69000

      quantumMilliwattHours = 1000

      [check]

      0x0048 = f32 0...16777216

      [ranges]
      activePower = -138000...138000 W
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [points]
      activePower.0 = 0x0034 f32 W
      activeEnergyImport.0 = 0x0048 f32 kWh
      activeEnergyExport.0 = 0x004A f32 kWh

      """#
    ),
    (
      "fronius-smart-meter-63a.ini",
      #"""





      [device]
      name = fronius-smart-meter-63a
      title = Fronius Smart Meter 63A-3, on RS-485
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 43500
      quantumMilliwattHours = 1000

      [check]

      4134 = u16 450...650
      4096 = u32 40000...500000
      4098 = u32 40000...500000
      4100 = u32 40000...500000

      [ranges]
      voltage = 0...500 V
      current = -350...350 A
      frequency = 40...70 Hz
      activePower = -87000...87000 W
      activeEnergyImport = 0...4294968 kWh
      activeEnergyExport = 0...4294968 kWh

      [points]
      voltage.1 = 4096 u32 V x0.001
      voltage.2 = 4098 u32 V x0.001
      voltage.3 = 4100 u32 V x0.001
      current.1 = 4102 u32 A x0.001
      current.2 = 4104 u32 A x0.001
      current.3 = 4106 u32 A x0.001
      activePower.0 = 4116 i32 W x0.01
      activePower.1 = 4140 i32 W x0.01
      activePower.2 = 4142 i32 W x0.01
      activePower.3 = 4144 i32 W x0.01
      frequency.0 = 4134 u16 Hz x0.1
      activeEnergyImport.0 = 4124 u32 Wh
      activeEnergyExport.0 = 4128 u32 Wh

      """#
    ),
    (
      "goodwe-et.ini",
      #"""





      [device]
      name = goodwe-et
      title = GoodWe ET, EH, BT and BH, grid meter
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none
      unit = 247

      [counter]
      ratedPowerWatts = 60000
      quantumMilliwattHours = 8000

      [identity]
      serial = 35003 text8

      [check]

      36014 = u16 4500...6500
      36052 = u16 400...5000
      36053 = u16 400...5000
      36054 = u16 400...5000

      [ranges]
      voltage = 0...500 V
      current = -7000...7000 A
      frequency = 40...70 Hz
      activePower = -120000...120000 W
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]
      registers = 36014-36057

      [points]
      voltage.1 = 36052 u16 V x0.1 sentinel=0xFFFF
      voltage.2 = 36053 u16 V x0.1 sentinel=0xFFFF
      voltage.3 = 36054 u16 V x0.1 sentinel=0xFFFF
      current.1 = 36055 u16 A x0.1 sentinel=0xFFFF
      current.2 = 36056 u16 A x0.1 sentinel=0xFFFF
      current.3 = 36057 u16 A x0.1 sentinel=0xFFFF
      activePower.0 = 36025 i32 W invert
      activePower.1 = 36019 i32 W invert
      activePower.2 = 36021 i32 W invert
      activePower.3 = 36023 i32 W invert
      frequency.0 = 36014 u16 Hz x0.01
      activeEnergyImport.0 = 36017 f32 Wh
      activeEnergyExport.0 = 36015 f32 Wh

      """#
    ),
    (
      "growatt-min.ini",
      #"""








      [device]
      name = growatt-min
      title = Growatt MIN, MOD and TL-XH, grid connection
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 45
      gapMilliseconds = 850
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 60000
      quantumMilliwattHours = 100000

      [identity]
      serial = 23 text5 holding

      [check]

      3025 = u16 4500...6500
      3026 = u16 400...5000
      3030 = u16 400...5000
      3034 = u16 400...5000

      [ranges]
      voltage = 0...500 V
      frequency = 40...70 Hz
      activePower = -120000...120000 W
      activeEnergyImport = 0...429496730 kWh
      activeEnergyExport = 0...429496730 kWh

      [readable]
      registers = 3000-3124
      boundaries = 3000, 3125

      [points]
      voltage.1 = 3026 u16 V x0.1
      voltage.2 = 3030 u16 V x0.1
      voltage.3 = 3034 u16 V x0.1
      activePower.0 = 3041 u32 W x0.1 minus=3043
      frequency.0 = 3025 u16 Hz x0.01
      activeEnergyImport.0 = 3069 u32 kWh x0.1
      activeEnergyExport.0 = 3073 u32 kWh x0.1 optional

      """#
    ),
    (
      "growatt-sph.ini",
      #"""






      [device]
      name = growatt-sph
      title = Growatt SPH, grid connection
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 45
      gapMilliseconds = 850
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 30000
      quantumMilliwattHours = 100000

      [identity]
      serial = 23 text5 holding

      [check]

      37 = u16 4500...6500
      38 = u16 400...5000

      [ranges]
      voltage = 0...500 V
      frequency = 40...70 Hz
      activePower = -60000...60000 W
      activeEnergyImport = 0...429496730 kWh
      activeEnergyExport = 0...429496730 kWh

      [readable]
      registers = 1021-1030
      boundaries = 125, 1000, 1125

      [points]
      voltage.1 = 38 u16 V x0.1
      activePower.0 = 1021 u32 W x0.1 minus=1029
      frequency.0 = 37 u16 Hz x0.01
      activeEnergyImport.0 = 1046 u32 kWh x0.1
      activeEnergyExport.0 = 1050 u32 kWh x0.1 optional

      """#
    ),
    (
      "huawei-sun2000.ini",
      #"""










      [device]
      name = huawei-sun2000
      title = Huawei SUN2000, its DTSU666-H or DDSU666-H at the grid
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      timeoutMilliseconds = 5000
      connectDelayMilliseconds = 1000
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 173000
      quantumMilliwattHours = 10000

      [identity]

      30000 = text15 "SUN"
      serial = 30015 text10

      [ranges]
      voltage = 0...500 V
      current = -1500...1500 A
      frequency = 40...70 Hz
      activePower = -346000...346000 W
      activeEnergyImport = 0...21474837 kWh
      activeEnergyExport = 0...21474837 kWh

      [readable]
      registers = 37100-37137

      [points]
      voltage.1 = 37101 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.2 = 37103 i32 V x0.1 sentinel=0x7FFFFFFF
      voltage.3 = 37105 i32 V x0.1 sentinel=0x7FFFFFFF
      current.1 = 37107 i32 A x0.01 sentinel=0x7FFFFFFF invert
      current.2 = 37109 i32 A x0.01 sentinel=0x7FFFFFFF invert
      current.3 = 37111 i32 A x0.01 sentinel=0x7FFFFFFF invert
      activePower.0 = 37113 i32 W sentinel=0x7FFFFFFF invert
      activePower.1 = 37132 i32 W sentinel=0x7FFFFFFF invert
      activePower.2 = 37134 i32 W sentinel=0x7FFFFFFF invert
      activePower.3 = 37136 i32 W sentinel=0x7FFFFFFF invert
      frequency.0 = 37118 u16 Hz x0.01 sentinel=0xFFFF|0x7FFF
      activeEnergyImport.0 = 37121 i32 kWh x0.01 sentinel=0x7FFFFFFF
      activeEnergyExport.0 = 37119 i32 kWh x0.01 sentinel=0x7FFFFFFF optional

      """#
    ),
    (
      "inepro-pro380.ini",
      #"""


      [device]
      name = inepro-pro380
      title = inepro PRO380-Mod
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 50
      baud = 9600
      parity = even

      [counter]
      ratedPowerWatts = 69000
      quantumMilliwattHours = 1000

      [check]

      0x5008 = f32 45...65
      0x5002 = f32 40...500
      0x5004 = f32 40...500
      0x5006 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -600...600 A
      frequency = 40...70 Hz
      activePower = -138000...138000 W
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]
      registers = 0x5000-0x5019

      [points]
      voltage.1 = 0x5002 f32 V
      voltage.2 = 0x5004 f32 V
      voltage.3 = 0x5006 f32 V
      current.1 = 0x500C f32 A
      current.2 = 0x500E f32 A
      current.3 = 0x5010 f32 A
      activePower.0 = 0x5012 f32 kW
      activePower.1 = 0x5014 f32 kW
      activePower.2 = 0x5016 f32 kW
      activePower.3 = 0x5018 f32 kW
      frequency.0 = 0x5008 f32 Hz
      activeEnergyImport.0 = 0x600C f32 kWh
      activeEnergyImport.1 = 0x6012 f32 kWh optional
      activeEnergyImport.2 = 0x6014 f32 kWh optional
      activeEnergyImport.3 = 0x6016 f32 kWh optional
      activeEnergyExport.0 = 0x6018 f32 kWh
      activeEnergyExport.1 = 0x601E f32 kWh optional
      activeEnergyExport.2 = 0x6020 f32 kWh optional
      activeEnergyExport.3 = 0x6022 f32 kWh optional

      """#
    ),
    (
      "janitza-umg.ini",
      #"""







      [device]
      name = janitza-umg
      title = Janitza UMG 96, 103, 604, 801, 806 and B23
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 100
      gapMilliseconds = 20
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 1000000
      quantumMilliwattHours = 8000

      [check]

      19050 = f32 45...65
      19000 = f32 20...1000
      19002 = f32 20...1000
      19004 = f32 20...1000

      [ranges]
      voltage = 0...1000 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -10000000...10000000 W
      reactivePower = -10000000...10000000 var
      activeEnergyImport = 0...10000000 kWh
      activeEnergyExport = 0...10000000 kWh

      [readable]
      registers = 19000-19077

      [points]
      voltage.1 = 19000 f32 V
      voltage.2 = 19002 f32 V
      voltage.3 = 19004 f32 V
      current.1 = 19012 f32 A
      current.2 = 19014 f32 A
      current.3 = 19016 f32 A
      activePower.0 = 19026 f32 W
      activePower.1 = 19020 f32 W
      activePower.2 = 19022 f32 W
      activePower.3 = 19024 f32 W
      reactivePower.0 = 19042 f32 var
      powerFactor.1 = 19044 f32 1
      powerFactor.2 = 19046 f32 1
      powerFactor.3 = 19048 f32 1
      frequency.0 = 19050 f32 Hz
      activeEnergyImport.0 = 19068 f32 Wh
      activeEnergyImport.1 = 19062 f32 Wh optional
      activeEnergyImport.2 = 19064 f32 Wh optional
      activeEnergyImport.3 = 19066 f32 Wh optional
      activeEnergyExport.0 = 19076 f32 Wh
      activeEnergyExport.1 = 19070 f32 Wh optional
      activeEnergyExport.2 = 19072 f32 Wh optional
      activeEnergyExport.3 = 19074 f32 Wh optional

      """#
    ),
    (
      "kostal-ksem.ini",
      #"""





      [device]
      name = kostal-ksem
      title = Kostal Smart Energy Meter (KSEM), also TQ EM420 and B-control EM300
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 9600
      parity = none
      unit = 71

      [counter]
      ratedPowerWatts = 69000
      quantumMilliwattHours = 100

      [check]

      26 = u32 45000...65000
      62 = u32 40000...500000
      102 = u32 40000...500000
      142 = u32 40000...500000

      [ranges]
      voltage = 0...500 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      activePower = -5000000...5000000 W
      activeEnergyImport = 0...100000000 kWh
      activeEnergyExport = 0...100000000 kWh

      [readable]
      registers = 0-151

      [points]
      voltage.1 = 62 u32 V x0.001
      voltage.2 = 102 u32 V x0.001
      voltage.3 = 142 u32 V x0.001
      current.1 = 60 u32 A x0.001
      current.2 = 100 u32 A x0.001
      current.3 = 140 u32 A x0.001
      activePower.0 = 0 u32 W x0.1 minus=2
      activePower.1 = 40 u32 W x0.1 minus=42
      activePower.2 = 80 u32 W x0.1 minus=82
      activePower.3 = 120 u32 W x0.1 minus=122
      frequency.0 = 26 u32 Hz x0.001
      activeEnergyImport.0 = 512 u64 Wh x0.1
      activeEnergyExport.0 = 516 u64 Wh x0.1

      """#
    ),
    (
      "kostal-plenticore.ini",
      #"""







      [device]
      name = kostal-plenticore
      title = Kostal Plenticore and Piko IQ
      kind = inverter
      function = 3
      order = cdab
      maximumRegisters = 60
      gapMilliseconds = 20
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none
      unit = 71

      [counter]
      ratedPowerWatts = 20000
      quantumMilliwattHours = 8000

      [identity]

      4 = u16 1...247
      5 = u16 0
      32 = u16 1...3
      serial = 14 text8

      [ranges]
      voltage = 0...500 V
      current = -150...150 A
      frequency = 40...70 Hz
      activePower = -40000...40000 W
      activeEnergyExport = 0...16777216 kWh

      [readable]
      registers = 152-173

      [points]
      voltage.1 = 158 f32 V
      voltage.2 = 164 f32 V
      voltage.3 = 170 f32 V
      current.1 = 154 f32 A
      current.2 = 160 f32 A
      current.3 = 166 f32 A
      activePower.0 = 172 f32 W
      activePower.1 = 156 f32 W
      activePower.2 = 162 f32 W
      activePower.3 = 168 f32 W
      frequency.0 = 152 f32 Hz
      activeEnergyExport.0 = 320 f32 Wh

      """#
    ),
    (
      "orno-we504.ini",
      #"""




      [device]
      name = orno-we504
      title = ORNO OR-WE-504
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 50
      baud = 9600
      parity = even

      [counter]
      ratedPowerWatts = 18400
      quantumMilliwattHours = 1000

      [check]

      0x0002 = u16 450...650
      0x0000 = u16 400...5000

      [ranges]
      voltage = 0...500 V
      current = -250...250 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -65535...65535 W
      reactivePower = -65535...65535 var
      apparentPower = -65535...65535 VA
      activeEnergyImport = 0...4294968 kWh

      [points]
      voltage.1 = 0x0000 u16 V x0.1
      current.1 = 0x0001 u16 A x0.1
      activePower.0 = 0x0003 u16 W
      reactivePower.0 = 0x0004 u16 var
      apparentPower.0 = 0x0005 u16 VA
      powerFactor.0 = 0x0006 u16 1 x0.001
      frequency.0 = 0x0002 u16 Hz x0.1
      activeEnergyImport.0 = 0x0007 u32 Wh

      """#
    ),
    (
      "orno-we514.ini",
      #"""





      [device]
      name = orno-we514
      title = ORNO OR-WE-514 and OR-WE-515
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 50
      baud = 9600
      parity = even

      [counter]
      ratedPowerWatts = 23000
      quantumMilliwattHours = 10000

      [check]

      0x0130 = u16 4500...6500
      0x0131 = u16 4000...50000

      [ranges]
      voltage = 0...500 V
      current = -200...200 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -46000...46000 W
      reactivePower = -46000...46000 var
      apparentPower = -46000...46000 VA
      activeEnergyImport = 0...42949673 kWh

      [points]
      voltage.1 = 0x0131 u16 V x0.01
      current.1 = 0x0139 u32 A x0.001
      activePower.0 = 0x0140 i32 W
      reactivePower.0 = 0x0148 i32 var
      apparentPower.0 = 0x0150 i32 VA
      powerFactor.0 = 0x0158 i16 1 x0.001
      frequency.0 = 0x0130 u16 Hz x0.01
      activeEnergyImport.0 = 0xA000 u32 kWh x0.01

      """#
    ),
    (
      "orno-we516.ini",
      #"""




      [device]
      name = orno-we516
      title = ORNO OR-WE-516 and OR-WE-517
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 50
      baud = 9600
      parity = even

      [counter]
      ratedPowerWatts = 55200
      quantumMilliwattHours = 1000

      [check]

      0x0014 = f32 45...65
      0x000E = f32 40...500
      0x0010 = f32 40...500
      0x0012 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -450...450 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -110400...110400 W
      reactivePower = -110400...110400 var
      apparentPower = -110400...110400 VA
      activeEnergyImport = 0...16777216 kWh
      activeEnergyExport = 0...16777216 kWh

      [readable]
      registers = 0x000E-0x003B

      [points]
      voltage.1 = 0x000E f32 V
      voltage.2 = 0x0010 f32 V
      voltage.3 = 0x0012 f32 V
      current.1 = 0x0016 f32 A
      current.2 = 0x0018 f32 A
      current.3 = 0x001A f32 A
      activePower.0 = 0x001C f32 kW
      activePower.1 = 0x001E f32 kW
      activePower.2 = 0x0020 f32 kW
      activePower.3 = 0x0022 f32 kW
      reactivePower.0 = 0x0024 f32 kvar
      apparentPower.0 = 0x002C f32 kVA
      powerFactor.0 = 0x0034 f32 1
      frequency.0 = 0x0014 f32 Hz
      activeEnergyImport.0 = 0x0108 f32 kWh
      activeEnergyImport.1 = 0x010A f32 kWh optional
      activeEnergyImport.2 = 0x010C f32 kWh optional
      activeEnergyImport.3 = 0x010E f32 kWh optional
      activeEnergyExport.0 = 0x0110 f32 kWh
      activeEnergyExport.1 = 0x0112 f32 kWh optional
      activeEnergyExport.2 = 0x0114 f32 kWh optional
      activeEnergyExport.3 = 0x0116 f32 kWh optional

      """#
    ),
    (
      "schneider-iem3000.ini",
      #"""







      [device]
      name = schneider-iem3000
      title = Schneider iEM3150, iEM3155, iEM3250, iEM3255, iEM335x, iEM345x, iEM355x
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 19200
      parity = even

      [counter]
      ratedPowerWatts = 86000
      quantumMilliwattHours = 1000

      [identity]

      0x0031 = text20 "iEM3"
      serial = 0x0081 u32

      [ranges]
      voltage = 0...500 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      activePower = -5000000...5000000 W
      reactivePower = -5000000...5000000 var
      apparentPower = -5000000...5000000 VA
      activeEnergyImport = 0...100000000 kWh
      activeEnergyExport = 0...100000000 kWh

      [points]
      voltage.1 = 0x0BD3 f32 V
      voltage.2 = 0x0BD5 f32 V
      voltage.3 = 0x0BD7 f32 V
      current.1 = 0x0BB7 f32 A
      current.2 = 0x0BB9 f32 A
      current.3 = 0x0BBB f32 A
      activePower.0 = 0x0BF3 f32 kW
      activePower.1 = 0x0BED f32 kW
      activePower.2 = 0x0BEF f32 kW
      activePower.3 = 0x0BF1 f32 kW
      reactivePower.0 = 0x0BFB f32 kvar
      apparentPower.0 = 0x0C03 f32 kVA
      frequency.0 = 0x0C25 f32 Hz
      activeEnergyImport.0 = 0x0C83 i64 Wh sentinel=0x8000000000000000
      activeEnergyExport.0 = 0x0C87 i64 Wh sentinel=0x8000000000000000 optional

      """#
    ),
    (
      "siemens-pac2200.ini",
      #"""






      [device]
      name = siemens-pac2200
      title = Siemens SENTRON PAC2200
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 19200
      parity = none

      [counter]
      ratedPowerWatts = 44850
      quantumMilliwattHours = 1000

      [check]

      55 = f32 45...65
      1 = f32 40...500
      3 = f32 40...500
      5 = f32 40...500

      [ranges]
      voltage = 0...500 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -10000000...10000000 W
      reactivePower = -10000000...10000000 var
      apparentPower = -10000000...10000000 VA
      activeEnergyImport = 0...100000000 kWh
      activeEnergyExport = 0...100000000 kWh

      [readable]
      registers = 1-72

      [points]
      voltage.1 = 1 f32 V
      voltage.2 = 3 f32 V
      voltage.3 = 5 f32 V
      current.1 = 13 f32 A
      current.2 = 15 f32 A
      current.3 = 17 f32 A
      activePower.0 = 65 f32 W
      activePower.1 = 25 f32 W
      activePower.2 = 27 f32 W
      activePower.3 = 29 f32 W
      reactivePower.0 = 67 f32 var
      apparentPower.0 = 63 f32 VA
      powerFactor.0 = 69 f32 1
      frequency.0 = 55 f32 Hz
      activeEnergyImport.0 = 801 f64 Wh
      activeEnergyExport.0 = 809 f64 Wh

      """#
    ),
    (
      "sma-inverter.ini",
      #"""





      [device]
      name = sma-inverter
      title = SMA solar or battery inverter
      kind = inverter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none
      unit = 3

      [counter]
      ratedPowerWatts = 110000
      quantumMilliwattHours = 1000

      [identity]

      30051 = u32 8001|8007
      serial = 30057 u32

      [ranges]
      voltage = 0...500 V
      activePower = -220000...220000 W
      activeEnergyExport = 0...100000000 kWh

      [points]
      activePower.0 = 30775 i32 W sentinel=0x80000000
      activePower.1 = 30777 i32 W sentinel=0x80000000
      activePower.2 = 30779 i32 W sentinel=0x80000000
      activePower.3 = 30781 i32 W sentinel=0x80000000
      voltage.1 = 30783 u32 V x0.01 sentinel=0xFFFFFFFF|0x80000000
      voltage.2 = 30785 u32 V x0.01 sentinel=0xFFFFFFFF|0x80000000
      voltage.3 = 30787 u32 V x0.01 sentinel=0xFFFFFFFF|0x80000000
      activeEnergyExport.0 = 30513 u64 Wh sentinel=0xFFFFFFFFFFFFFFFF|0x8000000000000000

      """#
    ),
    (
      "sma-meter.ini",
      #"""







      [device]
      name = sma-meter
      title = SMA Sunny Home Manager 2.0 or hybrid inverter, grid connection
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none
      unit = 3

      [counter]
      ratedPowerWatts = 173000
      quantumMilliwattHours = 1000

      [check]

      31447 = u32 4500...6500
      31253 = u32 4000...50000
      31255 = u32 4000...50000
      31257 = u32 4000...50000

      [ranges]
      voltage = 0...500 V
      current = -1500...1500 A
      frequency = 40...70 Hz
      activePower = -346000...346000 W
      activeEnergyImport = 0...4294968 kWh
      activeEnergyExport = 0...4294968 kWh

      [points]
      voltage.1 = 31253 u32 V x0.01 sentinel=0xFFFFFFFF
      voltage.2 = 31255 u32 V x0.01 sentinel=0xFFFFFFFF
      voltage.3 = 31257 u32 V x0.01 sentinel=0xFFFFFFFF
      current.1 = 31435 i32 A x0.001 sentinel=0x80000000
      current.2 = 31437 i32 A x0.001 sentinel=0x80000000
      current.3 = 31439 i32 A x0.001 sentinel=0x80000000
      activePower.0 = 30865 i32 W minus=30867 sentinel=0x80000000|0xFFFFFFFF
      activePower.1 = 31265 u32 W minus=31259 sentinel=0xFFFFFFFF|0x80000000
      activePower.2 = 31267 u32 W minus=31261 sentinel=0xFFFFFFFF|0x80000000
      activePower.3 = 31269 u32 W minus=31263 sentinel=0xFFFFFFFF|0x80000000
      frequency.0 = 31447 u32 Hz x0.01 sentinel=0xFFFFFFFF
      activeEnergyImport.0 = 30581 u32 Wh sentinel=0xFFFFFFFF|0x80000000
      activeEnergyExport.0 = 30583 u32 Wh sentinel=0xFFFFFFFF|0x80000000 optional

      """#
    ),
    (
      "solax-hybrid.ini",
      #"""






      [device]
      name = solax-hybrid
      title = SolaX X1 and X3 hybrid G4, grid meter
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 60
      gapMilliseconds = 1000
      timeoutMilliseconds = 2000
      baud = 19200
      parity = none

      [counter]
      ratedPowerWatts = 60000
      quantumMilliwattHours = 10000

      [identity]
      serial = 0 text7 holding

      [check]

      200 = u16 4500...6500
      202 = u16 400...5000
      203 = u16 400...5000
      204 = u16 400...5000

      [ranges]
      voltage = 0...500 V
      current = -3000...3000 A
      frequency = 40...70 Hz
      activePower = -120000...120000 W
      activeEnergyImport = 0...42949673 kWh
      activeEnergyExport = 0...42949673 kWh

      [points]
      voltage.1 = 202 u16 V x0.1
      voltage.2 = 203 u16 V x0.1
      voltage.3 = 204 u16 V x0.1
      current.1 = 206 i16 A x0.1
      current.2 = 207 i16 A x0.1
      current.3 = 208 i16 A x0.1
      activePower.0 = 70 i32 W invert
      frequency.0 = 200 u16 Hz x0.01
      activeEnergyImport.0 = 74 u32 kWh x0.01
      activeEnergyExport.0 = 72 u32 kWh x0.01

      """#
    ),
    (
      "solis-hybrid.ini",
      #"""





      [device]
      name = solis-hybrid
      title = Solis hybrid, grid meter
      kind = meter
      function = 4
      order = abcd
      maximumRegisters = 50
      gapMilliseconds = 300
      timeoutMilliseconds = 2000
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 60000
      quantumMilliwattHours = 10000

      [check]

      33282 = u16 4500...6500
      33251 = u16 400...5000
      33253 = u16 400...5000
      33255 = u16 400...5000

      [ranges]
      voltage = 0...500 V
      current = -700...700 A
      frequency = 40...70 Hz
      activePower = -120000...120000 W
      activeEnergyImport = 0...42949673 kWh
      activeEnergyExport = 0...42949673 kWh

      [readable]
      registers = 33251-33286

      [points]
      voltage.1 = 33251 u16 V x0.1
      voltage.2 = 33253 u16 V x0.1
      voltage.3 = 33255 u16 V x0.1
      current.1 = 33252 u16 A x0.01
      current.2 = 33254 u16 A x0.01
      current.3 = 33256 u16 A x0.01
      activePower.0 = 33263 i32 W invert
      activePower.1 = 33257 i32 W invert
      activePower.2 = 33259 i32 W invert
      activePower.3 = 33261 i32 W invert
      frequency.0 = 33282 u16 Hz x0.01
      activeEnergyImport.0 = 33283 u32 kWh x0.01
      activeEnergyExport.0 = 33285 u32 kWh x0.01

      """#
    ),
    (
      "sungrow-sg.ini",
      #"""







      [device]
      name = sungrow-sg
      title = Sungrow SG, grid connection
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 100
      gapMilliseconds = 20
      timeoutMilliseconds = 3000
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 250000
      quantumMilliwattHours = 100000

      [identity]

      4999 = u16 38...400|9216...9983|11264...11519
      serial = 4989 text10

      [ranges]
      voltage = 0...1000 V
      frequency = 40...70 Hz
      activePower = -500000...500000 W
      activeEnergyImport = 0...429496730 kWh
      activeEnergyExport = 0...429496730 kWh

      [points]
      voltage.1 = 5018 u16 V x0.1 sentinel=0xFFFF
      voltage.2 = 5019 u16 V x0.1 sentinel=0xFFFF
      voltage.3 = 5020 u16 V x0.1 sentinel=0xFFFF
      activePower.0 = 5082 i32 W sentinel=0x7FFFFFFF
      activePower.1 = 5084 i32 W sentinel=0x7FFFFFFF
      activePower.2 = 5086 i32 W sentinel=0x7FFFFFFF
      activePower.3 = 5088 i32 W sentinel=0x7FFFFFFF
      frequency.0 = 5035 u16 Hz x0.1 sentinel=0xFFFF
      activeEnergyImport.0 = 5098 u32 kWh x0.1 sentinel=0xFFFFFFFF
      activeEnergyExport.0 = 5094 u32 kWh x0.1 sentinel=0xFFFFFFFF optional

      """#
    ),
    (
      "sungrow-sh.ini",
      #"""








      [device]
      name = sungrow-sh
      title = Sungrow SH, grid connection
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 100
      gapMilliseconds = 20
      timeoutMilliseconds = 3000
      baud = 9600
      parity = none

      [counter]
      ratedPowerWatts = 60000
      quantumMilliwattHours = 100000

      [identity]

      4999 = u16 3328...3839
      serial = 4989 text10

      [ranges]
      voltage = 0...500 V
      current = -700...700 A
      frequency = 40...70 Hz
      activePower = -120000...120000 W
      activeEnergyImport = 0...429496730 kWh
      activeEnergyExport = 0...429496730 kWh

      [points]
      voltage.1 = 5740 u16 V x0.1 sentinel=0xFFFF|0x7FFF
      voltage.2 = 5741 u16 V x0.1 sentinel=0xFFFF|0x7FFF
      voltage.3 = 5742 u16 V x0.1 sentinel=0xFFFF|0x7FFF
      current.1 = 5743 u16 A x0.01 sentinel=0xFFFF|0x7FFF
      current.2 = 5744 u16 A x0.01 sentinel=0xFFFF|0x7FFF
      current.3 = 5745 u16 A x0.01 sentinel=0xFFFF|0x7FFF
      activePower.0 = 13009 i32 W sentinel=0x7FFFFFFF invert
      activePower.1 = 5602 i32 W sentinel=0x7FFFFFFF
      activePower.2 = 5604 i32 W sentinel=0x7FFFFFFF
      activePower.3 = 5606 i32 W sentinel=0x7FFFFFFF
      frequency.0 = 5035 u16 Hz x0.1 sentinel=0xFFFF
      activeEnergyImport.0 = 13036 u32 kWh x0.1 sentinel=0xFFFFFFFF
      activeEnergyExport.0 = 13045 u32 kWh x0.1 sentinel=0xFFFFFFFF

      """#
    ),
    (
      "sunspec.ini",
      #"""




      [device]
      name = sunspec
      title = SunSpec
      kind = inverter
      layout = sunspec
      function = 3
      order = abcd
      maximumRegisters = 125
      gapMilliseconds = 20
      baud = 9600
      parity = none
      bases = 40000, 0, 50000

      [counter]
      ratedPowerWatts = 1000000
      quantumMilliwattHours = 1000000

      [ranges]
      voltage = 0...2000 V
      current = -10000...10000 A
      frequency = 40...70 Hz
      powerFactor = -1...1 1
      activePower = -10000000...10000000 W
      reactivePower = -10000000...10000000 var
      apparentPower = -10000000...10000000 VA
      activeEnergyImport = 0...1000000000000 Wh
      activeEnergyExport = 0...1000000000000 Wh

      [limit]

      models = 123, 704
      volatile = no
      writesPerDay = 100

      [model 101]
      length = 50
      current.0 = 2 u16 A sf=6
      current.1 = 3 u16 A sf=6
      voltage.1 = 10 u16 V sf=13
      activePower.0 = 14 i16 W sf=15
      frequency.0 = 16 u16 Hz sf=17
      apparentPower.0 = 18 i16 VA sf=19
      reactivePower.0 = 20 i16 var sf=21
      powerFactor.0 = 22 i16 % sf=23
      activeEnergyExport.0 = 24 acc32 Wh sf=26

      [model 102]
      length = 50
      current.0 = 2 u16 A sf=6
      current.1 = 3 u16 A sf=6
      current.2 = 4 u16 A sf=6
      voltage.1 = 10 u16 V sf=13
      voltage.2 = 11 u16 V sf=13
      activePower.0 = 14 i16 W sf=15
      frequency.0 = 16 u16 Hz sf=17
      apparentPower.0 = 18 i16 VA sf=19
      reactivePower.0 = 20 i16 var sf=21
      powerFactor.0 = 22 i16 % sf=23
      activeEnergyExport.0 = 24 acc32 Wh sf=26

      [model 103]
      length = 50
      current.0 = 2 u16 A sf=6
      current.1 = 3 u16 A sf=6
      current.2 = 4 u16 A sf=6
      current.3 = 5 u16 A sf=6
      voltage.1 = 10 u16 V sf=13
      voltage.2 = 11 u16 V sf=13
      voltage.3 = 12 u16 V sf=13
      activePower.0 = 14 i16 W sf=15
      frequency.0 = 16 u16 Hz sf=17
      apparentPower.0 = 18 i16 VA sf=19
      reactivePower.0 = 20 i16 var sf=21
      powerFactor.0 = 22 i16 % sf=23
      activeEnergyExport.0 = 24 acc32 Wh sf=26

      [model 111]
      length = 60
      current.0 = 2 f32 A
      current.1 = 4 f32 A
      voltage.1 = 16 f32 V
      activePower.0 = 22 f32 W
      frequency.0 = 24 f32 Hz
      apparentPower.0 = 26 f32 VA
      reactivePower.0 = 28 f32 var
      powerFactor.0 = 30 f32 %
      activeEnergyExport.0 = 32 f32 Wh

      [model 112]
      length = 60
      current.0 = 2 f32 A
      current.1 = 4 f32 A
      current.2 = 6 f32 A
      voltage.1 = 16 f32 V
      voltage.2 = 18 f32 V
      activePower.0 = 22 f32 W
      frequency.0 = 24 f32 Hz
      apparentPower.0 = 26 f32 VA
      reactivePower.0 = 28 f32 var
      powerFactor.0 = 30 f32 %
      activeEnergyExport.0 = 32 f32 Wh

      [model 113]
      length = 60
      current.0 = 2 f32 A
      current.1 = 4 f32 A
      current.2 = 6 f32 A
      current.3 = 8 f32 A
      voltage.1 = 16 f32 V
      voltage.2 = 18 f32 V
      voltage.3 = 20 f32 V
      activePower.0 = 22 f32 W
      frequency.0 = 24 f32 Hz
      apparentPower.0 = 26 f32 VA
      reactivePower.0 = 28 f32 var
      powerFactor.0 = 30 f32 %
      activeEnergyExport.0 = 32 f32 Wh

      [model 201]
      length = 105
      current.0 = 2 i16 A sf=6
      current.1 = 3 i16 A sf=6
      voltage.0 = 7 i16 V sf=15
      voltage.1 = 8 i16 V sf=15
      frequency.0 = 16 i16 Hz sf=17
      activePower.0 = 18 i16 W sf=22
      activePower.1 = 19 i16 W sf=22
      apparentPower.0 = 23 i16 VA sf=27
      reactivePower.0 = 28 i16 var sf=32
      powerFactor.0 = 33 i16 % sf=37
      activeEnergyExport.0 = 38 acc32 Wh sf=54
      activeEnergyImport.0 = 46 acc32 Wh sf=54

      [model 202]
      length = 105
      current.0 = 2 i16 A sf=6
      current.1 = 3 i16 A sf=6
      current.2 = 4 i16 A sf=6
      voltage.0 = 7 i16 V sf=15
      voltage.1 = 8 i16 V sf=15
      voltage.2 = 9 i16 V sf=15
      frequency.0 = 16 i16 Hz sf=17
      activePower.0 = 18 i16 W sf=22
      activePower.1 = 19 i16 W sf=22
      activePower.2 = 20 i16 W sf=22
      apparentPower.0 = 23 i16 VA sf=27
      reactivePower.0 = 28 i16 var sf=32
      powerFactor.0 = 33 i16 % sf=37
      activeEnergyExport.0 = 38 acc32 Wh sf=54
      activeEnergyImport.0 = 46 acc32 Wh sf=54

      [model 203]
      length = 105
      current.0 = 2 i16 A sf=6
      current.1 = 3 i16 A sf=6
      current.2 = 4 i16 A sf=6
      current.3 = 5 i16 A sf=6
      voltage.0 = 7 i16 V sf=15
      voltage.1 = 8 i16 V sf=15
      voltage.2 = 9 i16 V sf=15
      voltage.3 = 10 i16 V sf=15
      frequency.0 = 16 i16 Hz sf=17
      activePower.0 = 18 i16 W sf=22
      activePower.1 = 19 i16 W sf=22
      activePower.2 = 20 i16 W sf=22
      activePower.3 = 21 i16 W sf=22
      apparentPower.0 = 23 i16 VA sf=27
      reactivePower.0 = 28 i16 var sf=32
      powerFactor.0 = 33 i16 % sf=37
      activeEnergyExport.0 = 38 acc32 Wh sf=54
      activeEnergyImport.0 = 46 acc32 Wh sf=54

      [model 204]
      length = 105
      current.0 = 2 i16 A sf=6
      current.1 = 3 i16 A sf=6
      current.2 = 4 i16 A sf=6
      current.3 = 5 i16 A sf=6
      voltage.0 = 7 i16 V sf=15
      voltage.1 = 8 i16 V sf=15
      voltage.2 = 9 i16 V sf=15
      voltage.3 = 10 i16 V sf=15
      frequency.0 = 16 i16 Hz sf=17
      activePower.0 = 18 i16 W sf=22
      activePower.1 = 19 i16 W sf=22
      activePower.2 = 20 i16 W sf=22
      activePower.3 = 21 i16 W sf=22
      apparentPower.0 = 23 i16 VA sf=27
      reactivePower.0 = 28 i16 var sf=32
      powerFactor.0 = 33 i16 % sf=37
      activeEnergyExport.0 = 38 acc32 Wh sf=54
      activeEnergyImport.0 = 46 acc32 Wh sf=54

      [model 211]
      length = 124
      current.0 = 2 f32 A
      current.1 = 4 f32 A
      voltage.0 = 10 f32 V
      voltage.1 = 12 f32 V
      frequency.0 = 26 f32 Hz
      activePower.0 = 28 f32 W
      activePower.1 = 30 f32 W
      apparentPower.0 = 36 f32 VA
      reactivePower.0 = 44 f32 var
      powerFactor.0 = 52 f32 1
      activeEnergyExport.0 = 60 f32 Wh
      activeEnergyImport.0 = 68 f32 Wh

      [model 212]
      length = 124
      current.0 = 2 f32 A
      current.1 = 4 f32 A
      current.2 = 6 f32 A
      voltage.0 = 10 f32 V
      voltage.1 = 12 f32 V
      voltage.2 = 14 f32 V
      frequency.0 = 26 f32 Hz
      activePower.0 = 28 f32 W
      activePower.1 = 30 f32 W
      activePower.2 = 32 f32 W
      apparentPower.0 = 36 f32 VA
      reactivePower.0 = 44 f32 var
      powerFactor.0 = 52 f32 1
      activeEnergyExport.0 = 60 f32 Wh
      activeEnergyImport.0 = 68 f32 Wh

      [model 213]
      length = 124
      current.0 = 2 f32 A
      current.1 = 4 f32 A
      current.2 = 6 f32 A
      current.3 = 8 f32 A
      voltage.0 = 10 f32 V
      voltage.1 = 12 f32 V
      voltage.2 = 14 f32 V
      voltage.3 = 16 f32 V
      frequency.0 = 26 f32 Hz
      activePower.0 = 28 f32 W
      activePower.1 = 30 f32 W
      activePower.2 = 32 f32 W
      activePower.3 = 34 f32 W
      apparentPower.0 = 36 f32 VA
      reactivePower.0 = 44 f32 var
      powerFactor.0 = 52 f32 1
      activeEnergyExport.0 = 60 f32 Wh
      activeEnergyImport.0 = 68 f32 Wh

      [model 214]
      length = 124
      current.0 = 2 f32 A
      current.1 = 4 f32 A
      current.2 = 6 f32 A
      current.3 = 8 f32 A
      voltage.0 = 10 f32 V
      voltage.1 = 12 f32 V
      voltage.2 = 14 f32 V
      voltage.3 = 16 f32 V
      frequency.0 = 26 f32 Hz
      activePower.0 = 28 f32 W
      activePower.1 = 30 f32 W
      activePower.2 = 32 f32 W
      activePower.3 = 34 f32 W
      apparentPower.0 = 36 f32 VA
      reactivePower.0 = 44 f32 var
      powerFactor.0 = 52 f32 1
      activeEnergyExport.0 = 60 f32 Wh
      activeEnergyImport.0 = 68 f32 Wh

      [model 701]

      length = 153
      activePower.0 = 10 i16 W sf=116
      apparentPower.0 = 11 i16 VA sf=118
      reactivePower.0 = 12 i16 var sf=119
      powerFactor.0 = 13 i16 1 sf=117
      current.0 = 14 i16 A sf=113
      voltage.0 = 16 u16 V sf=114
      frequency.0 = 17 u32 Hz sf=115
      activeEnergyExport.0 = 19 u64 Wh sf=120
      activeEnergyImport.0 = 23 u64 Wh sf=120
      activePower.1 = 41 i16 W sf=116
      current.1 = 45 i16 A sf=113
      voltage.1 = 47 u16 V sf=114
      activePower.2 = 64 i16 W sf=116
      current.2 = 68 i16 A sf=113
      voltage.2 = 70 u16 V sf=114
      activePower.3 = 87 i16 W sf=116
      current.3 = 91 i16 A sf=113
      voltage.3 = 93 u16 V sf=114

      """#
    ),
    (
      "victron-gx-grid.ini",
      #"""





      [device]
      name = victron-gx-grid
      title = Victron GX, grid meter
      kind = meter
      function = 3
      order = abcd
      maximumRegisters = 60
      gapMilliseconds = 20
      baud = 9600
      parity = none
      unit = 30

      [counter]
      ratedPowerWatts = 69000
      quantumMilliwattHours = 10000

      [identity]
      serial = 2609 text7

      [check]

      2644 = u16 4500...6500
      2616 = u16 400...5000
      2618 = u16 400...5000
      2620 = u16 400...5000

      [ranges]
      voltage = 0...500 V
      current = -3000...3000 A
      frequency = 40...70 Hz
      activePower = -138000...138000 W
      activeEnergyImport = 0...42949673 kWh
      activeEnergyExport = 0...42949673 kWh

      [points]
      voltage.1 = 2616 u16 V x0.1 sentinel=0xFFFF
      voltage.2 = 2618 u16 V x0.1 sentinel=0xFFFF
      voltage.3 = 2620 u16 V x0.1 sentinel=0xFFFF
      current.1 = 2617 i16 A x0.1 sentinel=0x7FFF
      current.2 = 2619 i16 A x0.1 sentinel=0x7FFF
      current.3 = 2621 i16 A x0.1 sentinel=0x7FFF
      activePower.1 = 2638 i32 W sentinel=0x7FFFFFFF
      activePower.2 = 2640 i32 W sentinel=0x7FFFFFFF
      activePower.3 = 2642 i32 W sentinel=0x7FFFFFFF
      frequency.0 = 2644 u16 Hz x0.01 sentinel=0xFFFF
      activeEnergyImport.0 = 2634 u32 kWh x0.01 sentinel=0xFFFFFFFF
      activeEnergyImport.1 = 2622 u32 kWh x0.01 sentinel=0xFFFFFFFF optional
      activeEnergyImport.2 = 2624 u32 kWh x0.01 sentinel=0xFFFFFFFF optional
      activeEnergyImport.3 = 2626 u32 kWh x0.01 sentinel=0xFFFFFFFF optional
      activeEnergyExport.0 = 2636 u32 kWh x0.01 sentinel=0xFFFFFFFF
      activeEnergyExport.1 = 2628 u32 kWh x0.01 sentinel=0xFFFFFFFF optional
      activeEnergyExport.2 = 2630 u32 kWh x0.01 sentinel=0xFFFFFFFF optional
      activeEnergyExport.3 = 2632 u32 kWh x0.01 sentinel=0xFFFFFFFF optional

      """#
    ),
  ]
}
