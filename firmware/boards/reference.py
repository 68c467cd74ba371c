"""Reference board: Raspberry Pi Pico with a sixteen-channel front end. Data, not logic.

Channel order: p_comp_a p_comp_b p_comp_c p_pump p_rad1 p_rad2 p_rad3 p_cabin t_gas t_supply t_return t_rad1 t_rad2 t_rad3 t_bay v_ref.
"""

from array import array

# 1 pressure (Pa), 2 temperature (milli-degC), 3 sensor supply; a calibration record overrides all three rows.
KINDS = array("i", (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3))
LOWS = array("i", (0, 0, 0, 0, 0, 0, 0, 0, -90000, -90000, -90000, -90000, -90000, -90000, -90000, 0))
HIGHS = array("i", (250000, 250000, 250000, 400000, 600000, 600000, 600000, 250000, 90000, 90000, 90000, 90000, 90000, 90000, 90000, 0))

# RP2040 converter: the codes 511, 1535, 2559 and 3583 are nine counts wide (FACTS). Sums of 16 conversions, measured and then ideal;
# between the wide codes the others are a little narrow, so that both ends of the scale are right.
ADC = (
    0, 8176, 8192, 24560, 24576, 40944, 40960, 57328, 57344, 65520,
    0, 8112, 8256, 24496, 24640, 40880, 41024, 57264, 57408, 65520,
)

# Pins: GPIO numbers.
MUX_SELECT = (2, 3, 4, 5)  # address lines of the CD74HC4067, S0 first
MUX_CHANNELS = (0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # on its inputs, from input 0; it feeds GP26
DIRECT_CHANNELS = (1, 2)  # on GP27 and GP28
SPI = 0  # two 74HC595 (drives) and two 74HC165 (switches), most significant bit first
SPI_SCK = 18
SPI_MOSI = 19
SPI_MISO = 16
SPI_HZ = 1000000  # slow enough for a metre of ribbon cable
LATCH = 17  # 595 storage clock on its rise, 165 load while low
ENABLE = 20  # output enable of the 595s, active low, pulled high
STRAP = 22  # low at boot: maintenance
BENCH_STRAP = 21  # low at boot: the bench, counts and drives go over the cable; None: this board has no bench
LINK_ON_USB = True  # the link runs on USB as well as on the UART
UART = 0
UART_TX = 0
UART_RX = 1

# Raw flash sectors, in the storage that rp2.Flash addresses: behind the file system, which the image ends there. A MicroPython of other
# making has its file system there: tcs.hal.rp2_nor finds the sectors a place in it.
NOR_OFFSET = 1376256  # 1344 kB
NOR_BYTES = 65536
