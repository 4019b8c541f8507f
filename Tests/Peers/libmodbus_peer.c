// libmodbus on a serial line: `client TTY UNIT FUNCTION ADDRESS COUNT` prints registers, `write TTY UNIT ADDRESS VALUE...`
// sets them (one value by function 6, more by 16), and `server TTY UNIT ADDRESS VALUE...` answers with them until killed.
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static modbus_t *line(const char *tty, int unit) {
  modbus_t *context = modbus_new_rtu(tty, 9600, 'N', 8, 1);
  if (context == NULL || modbus_set_slave(context, unit) != 0 || modbus_connect(context) != 0) {
    fprintf(stderr, "%s: %s\n", tty, modbus_strerror(errno));
    exit(1);
  }
  modbus_set_response_timeout(context, 2, 0);
  return context;
}

static int fail(modbus_t *context) {
  printf("error: %s\n", modbus_strerror(errno));
  modbus_close(context);
  return 1;
}

int main(int count, char **arguments) {
  if (count < 5) return 2;
  modbus_t *context = line(arguments[2], atoi(arguments[3]));
  uint16_t values[125] = {0};
  if (strcmp(arguments[1], "client") == 0 && count == 7) {
    int address = atoi(arguments[5]), registers = atoi(arguments[6]);
    int got = atoi(arguments[4]) == 3 ? modbus_read_registers(context, address, registers, values)
                                      : modbus_read_input_registers(context, address, registers, values);
    if (got < 0) return fail(context);
    for (int index = 0; index < got; index++) printf("%u ", values[index]);
    printf("\n");
    return 0;
  }
  int address = atoi(arguments[4]), registers = count - 5;
  for (int index = 0; index < registers && index < 125; index++) values[index] = (uint16_t)atoi(arguments[5 + index]);
  if (strcmp(arguments[1], "write") == 0) {
    int put = registers == 1 ? modbus_write_register(context, address, values[0])
                             : modbus_write_registers(context, address, registers, values);
    return put < 0 ? fail(context) : 0;
  }
  modbus_mapping_t *map = modbus_mapping_new_start_address(0, 0, 0, 0, address, registers, address, registers);
  memcpy(map->tab_registers, values, 2 * (size_t)registers);
  memcpy(map->tab_input_registers, values, 2 * (size_t)registers);
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    int length = modbus_receive(context, query);
    if (length > 0) modbus_reply(context, query, length, map);
  }
}
