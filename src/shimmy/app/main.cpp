#include "shimmy/app/cli.h"

int main(int argc, char** argv) { return shimmy::run_cli(argc, argv); }
