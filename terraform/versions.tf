terraform {
  required_version = ">= 1.9" # validations that compare variables

  required_providers {
    vultr = {
      source  = "vultr/vultr"
      version = "2.32.0" # raise on purpose, after a run of the tests
    }
  }
}

# The API key is taken from VULTR_API_KEY, so that it is in no file and in no list of processes.
provider "vultr" {}
