// Made from Devices/*.ini by Toolchain/embed-devices.sh, which `make build` runs. Change those.

extension BuiltInDevices {
  /// File names and texts, sorted.
  static let files: [(name: StaticString, text: StaticString)] = [
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
  ]
}
